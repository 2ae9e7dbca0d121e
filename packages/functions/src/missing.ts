/** The response to requests for files that do not exist, behind the CDN's origin group for `/media/*`. */
import type { APIGatewayProxyStructuredResultV2 } from "aws-lambda";

const problem = {
  type: "about:blank",
  title: "Not found",
  status: 404,
  detail: "There is no file at this URL.",
};

/** Responds to every request with the same problem, as `npm start` does. */
export const handler = async (): Promise<APIGatewayProxyStructuredResultV2> => ({
  statusCode: problem.status,
  headers: { "content-type": "application/problem+json", "cache-control": "no-store" },
  body: JSON.stringify(problem),
});
