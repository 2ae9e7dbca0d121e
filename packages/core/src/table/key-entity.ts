/**
 * An API key. There are few, and each instance of the API caches them, so that one partition holds them all and can
 * be listed.
 *
 * | index | question                  | partition | order |
 * | byID  | a key by id; all keys     | -         | keyID |
 */

import { CustomAttributeType, Entity } from "electrodb";
import type { Scope } from "../scope.ts";
import { Table } from "./table.ts";
import { primary } from "./table-schema.ts";

export const KeyEntity = Table.onTable(
  new Entity({
    model: { service: "images", entity: "key", version: "1" },
    attributes: {
      keyID: { type: "string", required: true },
      name: { type: "string", required: true },
      secretHash: { type: "string", required: true },
      scopes: { type: "list", items: { type: CustomAttributeType<Scope>("string") }, required: true },
      owner: { type: "string" },
      createdAt: { type: "string", required: true },
      revokedAt: { type: "string" },
    },
    indexes: {
      byID: {
        pk: { field: primary.pk, composite: [], casing: "none" },
        sk: { field: primary.sk, composite: ["keyID"], casing: "none" },
      },
    },
  }),
);
