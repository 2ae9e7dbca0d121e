/** A reason why the embedded mode cannot start that its user can do something about: the message says what. */
export class StartError extends Error {
  override readonly name = "StartError";
}
