/** Limits of DynamoDB: tables and their indexes. */
import { docs, given, type Inputs, type Limit } from "./limit.ts";

const dynamodb = `${docs}/amazondynamodb/latest/developerguide/ServiceQuotas.html`;

const table = /dynamodb\/table:/;

export const dynamodbLimits: Limit[] = [
  { what: "name", type: table, texts: ({ name }) => [name], pattern: /^[\w.-]{3,255}$/, source: dynamodb },
  {
    what: "global secondary indexes",
    type: table,
    measure: ({ globalSecondaryIndexes = [] }) => [globalSecondaryIndexes.length],
    most: 20,
    source: dynamodb,
  },
  {
    what: "projected attributes of all indexes",
    type: table,
    measure: ({ globalSecondaryIndexes = [] }) => [
      globalSecondaryIndexes.flatMap(({ nonKeyAttributes = [] }: Inputs) => nonKeyAttributes).length,
    ],
    most: 100,
    source: dynamodb,
  },
  {
    what: "projected attributes of one index",
    type: table,
    measure: ({ globalSecondaryIndexes = [] }) =>
      globalSecondaryIndexes.map(({ nonKeyAttributes = [] }: Inputs) => nonKeyAttributes.length),
    most: 20,
    source: `${docs}/amazondynamodb/latest/APIReference/API_Projection.html`,
  },
  {
    what: "attributes that are declared and no key, or a key and not declared",
    type: table,
    measure: (inputs) => [undeclared(inputs)],
    most: 0,
    source: `${docs}/amazondynamodb/latest/APIReference/API_CreateTable.html`,
  },
];

/** Counts attribute definitions without a key, and keys without a definition; DynamoDB refuses both. */
function undeclared({ attributes, hashKey, rangeKey, globalSecondaryIndexes = [] }: Inputs): number {
  const keys = [{ hashKey, rangeKey }, ...globalSecondaryIndexes].flatMap((index) => [
    index.hashKey,
    ...given(index.rangeKey),
  ]);
  const declared = attributes.map(({ name }: Inputs) => name);
  return new Set([...keys, ...declared]).size * 2 - new Set(keys).size - new Set(declared).size;
}
