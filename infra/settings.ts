/** What functions are told that is no resource: the stage's settings, and the key that cursors are signed with. */
import { pipeline } from "./stage.ts";

export const settings = new sst.Linkable("Settings", { properties: { ...pipeline } });

/** 32 random bytes, made by the first deploy and kept in the encrypted state. Nobody types it. */
const bytes = new random.RandomBytes("CursorKeyBytes", { length: 32 });

export const cursorKey = new sst.Linkable("CursorKey", { properties: { value: bytes.base64 } });
