/** Asks who is there, when the API wants to know. */
import { useState } from "preact/hooks";
import { Dialog } from "./dialog.tsx";
import { mustSignIn, signIn, token } from "./session.ts";

export function SignIn() {
  return mustSignIn.value ? <Form /> : null;
}

function Form() {
  const [given, setGiven] = useState("");
  const wasRefused = token.value !== undefined;
  const close = () => {
    mustSignIn.value = false;
  };
  return (
    <Dialog class="sheet" label="Sign in" onClose={close}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          signIn(given);
        }}
      >
        <h2>Sign in</h2>
        <p>
          {wasRefused ? "This token was not accepted. " : ""}
          Paste a token (JWT) or an API key of this service. It stays in this page’s memory: a reload forgets
          it.
        </p>
        <label>
          Token or key
          <input
            type="password"
            autocomplete="off"
            required
            value={given}
            aria-invalid={wasRefused}
            onInput={({ currentTarget }) => setGiven(currentTarget.value)}
          />
        </label>
        <div class="actions">
          <button type="button" class="button" onClick={close}>
            Not now
          </button>
          <button type="submit" class="button primary" disabled={!given.trim()}>
            Sign in
          </button>
        </div>
      </form>
    </Dialog>
  );
}
