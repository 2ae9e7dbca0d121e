/** The images API, for code of the server. The token does not reach the browser. */
export const apiUrl = process.env.IMAGES_URL ?? "http://127.0.0.1:3000";
export const token = process.env.IMAGES_TOKEN;
