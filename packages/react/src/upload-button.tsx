/** @jsxImportSource react */
"use client";
/** Button that uploads files. */
import { type CSSProperties, type ReactElement, type ReactNode, useState } from "react";
import { type Batch, type BatchOptions, type Failure, useBatch } from "./batch.ts";
import { type QueuedOptions, useQueued } from "./queued.ts";

/** Texts of the button, in the language of the page. */
export type UploadButtonWords = {
  /** @default "Cancel" */
  cancel: string;
  /** @default "Try again" */
  retry: string;
  /** Name of the progress bar. @default "Upload" */
  progress: string;
  /** Text of a failure. Default: the name of the file and the message of the error. */
  failure: (failure: Pick<Failure, "filename" | "code" | "message">) => string;
};

/** Props of `UploadButton`: uploads by `client`, or into the queue `uploads`. */
export type UploadButtonProps = (BatchOptions | QueuedOptions) & {
  /** Text of the button. @default "Upload" */
  children?: ReactNode;
  /** Allows several files to be chosen. */
  multiple?: boolean;
  /**
   * File types that the file picker offers. The API decides by the bytes.
   * @default "image/*,.heic,.heif,.avif"
   */
  accept?: string;
  /** Lets a phone open its camera. */
  capture?: "environment" | "user";
  disabled?: boolean;
  /** Class of the label, which is what a person sees as the button. */
  className?: string;
  style?: CSSProperties;
  words?: Partial<UploadButtonWords>;
};

/**
 * Renders a file input inside its label, which works by keyboard and screen reader, then while files are uploaded their
 * progress and a button that cancels, and their errors with a button that tries again. The label has `data-focused`
 * while the input has keyboard focus.
 */
export function UploadButton(props: UploadButtonProps): ReactElement {
  return "uploads" in props ? <QueueButton {...props} /> : <ClientButton {...props} />;
}

type Rest<Options> = Options & UploadButtonProps;

function ClientButton(props: Rest<BatchOptions>): ReactElement {
  return <View {...props} batch={useBatch(props)} />;
}

function QueueButton(props: Rest<QueuedOptions>): ReactElement {
  return <View {...props} batch={useQueued(props)} />;
}

const english: UploadButtonWords = {
  cancel: "Cancel",
  retry: "Try again",
  progress: "Upload",
  failure: ({ filename, message }) => (filename ? `${filename}: ${message}` : message),
};

/** Hides the input from the eye alone: `display: none` would take it out of the tab order. */
const hidden: CSSProperties = {
  position: "absolute",
  inset: 0,
  width: "100%",
  height: "100%",
  opacity: 0,
  cursor: "pointer",
};

function View(props: UploadButtonProps & { batch: Batch }): ReactElement {
  const { batch, children = "Upload", multiple, accept = "image/*,.heic,.heif,.avif", capture } = props;
  const { disabled, className, style } = props;
  const words = { ...english, ...props.words };
  const [isFocused, setFocused] = useState(false);
  return (
    <>
      <label
        className={className}
        data-focused={isFocused || undefined}
        style={{
          position: "relative",
          display: "inline-block",
          ...(isFocused ? { outline: "2px solid Highlight", outlineOffset: 2 } : undefined),
          ...style,
        }}
      >
        {children}
        <input
          type="file"
          multiple={multiple}
          accept={accept}
          capture={capture}
          disabled={disabled}
          style={hidden}
          onFocus={({ currentTarget }) => setFocused(currentTarget.matches(":focus-visible"))}
          onBlur={() => setFocused(false)}
          onChange={({ currentTarget }) => {
            const files = [...(currentTarget.files ?? [])];
            // Lets the same file be chosen again.
            currentTarget.value = "";
            if (files.length > 0) batch.add(files);
          }}
        />
      </label>
      {batch.isRunning ? (
        <>
          <progress aria-label={words.progress} max={1} value={batch.share} />
          <button type="button" onClick={batch.cancel}>
            {words.cancel}
          </button>
        </>
      ) : null}
      {batch.failures.length > 0 ? (
        <div role="alert">
          {batch.failures.map(({ key, ...failure }) => (
            <p key={key} data-code={failure.code}>
              {words.failure(failure)}
            </p>
          ))}
          <button type="button" onClick={batch.retry}>
            {words.retry}
          </button>
        </div>
      ) : null}
    </>
  );
}
