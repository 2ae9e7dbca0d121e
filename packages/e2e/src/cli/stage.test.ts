import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { run } from "./fixture.ts";

// Each test is a process of the command line that starts.
vi.setConfig({ testTimeout: 120_000 });

let folder: string;
let server: Server;
let url: string;
let asked: IncomingMessage[];

/** DynamoDB without anything in it; and, under /credentials, what a container asks for its role. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "stage-"));
  server = createServer((request, response) => {
    request.resume();
    if (request.url === "/credentials") {
      const Expiration = new Date(Date.now() + 3_600_000).toISOString();
      const keys = { AccessKeyId: "CONTAINER", SecretAccessKey: "s", Token: "of the role", Expiration };
      response.end(JSON.stringify(keys));
      return;
    }
    asked.push(request);
    response.end(JSON.stringify({ Items: [], Count: 0 }));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

/** The environment of a deployed stage, without this process's AWS credentials and region. */
async function keys(environment: NodeJS.ProcessEnv) {
  asked = [];
  const none = {
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
    AWS_SESSION_TOKEN: undefined,
    AWS_REGION: undefined,
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    AWS_EC2_METADATA_DISABLED: "true",
  };
  return run(["key", "list"], { ...none, AWS_ENDPOINT_URL_DYNAMODB: url, ...environment });
}

test("the AWS profile of an operator signs requests to the table", async () => {
  const config = join(folder, "config");
  const lines = ["aws_access_key_id = PROFILE", "aws_secret_access_key = s", "aws_session_token = of a day"];
  await writeFile(config, ["[profile team]", "region = eu-north-1", ...lines, ""].join("\n"));
  const result = await keys({ AWS_PROFILE: "team", AWS_CONFIG_FILE: config });
  expect(result).toEqual({ code: 0, stdout: "", stderr: "No keys.\n" });
  const { authorization, "x-amz-security-token": token } = asked[0]?.headers ?? {};
  expect(authorization).toMatch(/Credential=PROFILE\/\d{8}\/eu-north-1\/dynamodb\/aws4_request/);
  expect(token).toBe("of a day");
});

test("so does the role of a container", async () => {
  const result = await keys({
    AWS_REGION: "us-west-2",
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/credentials`,
  });
  expect(result).toEqual({ code: 0, stdout: "", stderr: "No keys.\n" });
  const { authorization, "x-amz-security-token": token } = asked[0]?.headers ?? {};
  expect(authorization).toMatch(/Credential=CONTAINER\/\d{8}\/us-west-2\/dynamodb\/aws4_request/);
  expect(token).toBe("of the role");
});

test("without credentials, the error says so", async () => {
  const { code, stderr } = await keys({ AWS_REGION: "us-west-2" });
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/credentials/i);
  expect(asked).toEqual([]);
});
