import type { Settings } from "@image-pipeline/core/settings";
import { type Ask, requestOf } from "@image-pipeline/functions/http/fixture";
import { startTestCloud } from "../cloud.fixture.ts";

export { type Ask, codeOf } from "@image-pipeline/functions/http/fixture";
export { type Issuer, startIssuer } from "@image-pipeline/functions/http/fixture-issuer";

/** A running stack. `ask` sends a request to its API; `settled` waits until nothing is being processed. */
export type World = {
  url: string;
  ask(path: string, init?: Ask): Promise<Response>;
  settled(): Promise<void>;
  stop(): Promise<void>;
};

/** Starts the whole product with these settings, for tests of pixels, events or sockets. Once per test file. */
export async function startWorld(settings: Partial<Settings.Pipeline> = {}): Promise<World> {
  const cloud = await startTestCloud(settings, { workers: 1 });
  return {
    url: cloud.url,
    ask: (path, init) => fetch(cloud.url + path, requestOf(init)),
    settled: cloud.settled,
    stop: cloud.stop,
  };
}
