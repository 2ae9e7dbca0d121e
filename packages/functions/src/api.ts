/** The HTTP API as a Lambda function behind a function URL. */
import { handle } from "hono/aws-lambda";
import { app } from "./http/app.ts";

export const handler = handle(app);
