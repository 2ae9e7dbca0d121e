/** Limits of CloudFront: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html */
import { storeOf } from "../edge.ts";
import { bytes, docs, given, type Inputs, type Limit } from "./limit.ts";

const cloudfront = `${docs}/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html`;

const distribution = /cloudfront\/distribution:/;
const edgeFunction = /cloudfront\/function:/;
const store = /cloudfront\/keyValueStore:/;
const headersPolicy = /responseHeadersPolicy:/;
const cachePolicy = /cloudfront\/cachePolicy:/;

const behaviors = ({ defaultCacheBehavior, orderedCacheBehaviors = [] }: Inputs): Inputs[] => [
  defaultCacheBehavior,
  ...orderedCacheBehaviors,
];

export const cloudfrontLimits: Limit[] = [
  {
    what: "bytes of code",
    type: edgeFunction,
    measure: ({ code }) => bytes(code),
    most: 10_240,
    source: `${cloudfront}#limits-functions`,
  },
  {
    what: "name",
    type: edgeFunction,
    texts: ({ name }) => [name],
    pattern: /^[\w-]{1,64}$/,
    source: `${docs}/cloudfront/latest/APIReference/API_CreateFunction.html`,
  },
  {
    what: "key-value stores of a function",
    type: edgeFunction,
    measure: ({ keyValueStoreAssociations = [] }) => [keyValueStoreAssociations.length],
    most: 1,
    source: `${cloudfront}#limits-keyvaluestores`,
  },
  {
    what: "name",
    type: store,
    texts: ({ name }) => [name],
    pattern: /^[\w-]{1,64}$/,
    source: `${docs}/cloudfront/latest/APIReference/API_CreateKeyValueStore.html`,
  },
  {
    what: "bytes of a key",
    type: store,
    measure: (_, graph) => [...storeOf(graph).keys()].flatMap(bytes),
    least: 1,
    most: 512,
    source: `${cloudfront}#limits-keyvaluestores`,
  },
  {
    what: "bytes of a value",
    type: store,
    measure: (_, graph) => [...storeOf(graph).values()].flatMap(bytes),
    most: 1_024,
    source: `${cloudfront}#limits-keyvaluestores`,
  },
  {
    what: "bytes of all keys and values",
    type: store,
    measure: (_, graph) => bytes([...storeOf(graph)].flat().join("")),
    most: 5 * 2 ** 20,
    source: `${cloudfront}#limits-keyvaluestores`,
  },
  {
    what: "keys written at once",
    type: /dynamic:Resource/,
    measure: ({ store, entries }) => (store && entries ? [Object.keys(entries).length] : []),
    most: 50,
    source: `${docs}/cloudfront-keyvaluestore/latest/APIReference/API_UpdateKeys.html`,
  },
  {
    what: "behaviours",
    type: distribution,
    measure: (inputs) => [behaviors(inputs).length],
    most: 25,
    source: `${cloudfront}#limits-web-distributions`,
  },
  {
    what: "origins",
    type: distribution,
    measure: ({ origins }) => [origins.length],
    least: 1,
    most: 25,
    source: `${cloudfront}#limits-web-distributions`,
  },
  {
    what: "alternate domain names",
    type: distribution,
    measure: ({ aliases = [] }) => [aliases.length],
    most: 100,
    source: `${cloudfront}#limits-web-distributions`,
  },
  {
    what: "characters of the comment",
    type: distribution,
    measure: ({ comment = "" }) => [comment.length],
    most: 128,
    source: `${docs}/cloudfront/latest/APIReference/API_DistributionConfig.html`,
  },
  {
    what: "seconds that an origin may take",
    type: distribution,
    measure: ({ origins }) =>
      origins.flatMap(({ customOriginConfig }: Inputs) => given(customOriginConfig?.originReadTimeout)),
    least: 1,
    most: 60,
    source: `${cloudfront}#limits-web-distributions`,
  },
  {
    what: "functions of a behaviour",
    type: distribution,
    measure: (inputs) =>
      behaviors(inputs).map(({ functionAssociations = [] }) => functionAssociations.length),
    most: 2,
    source: `${docs}/AmazonCloudFront/latest/DeveloperGuide/edge-functions-restrictions.html`,
  },
  {
    what: "path pattern",
    type: distribution,
    texts: (inputs) => behaviors(inputs).flatMap(({ pathPattern }) => given(pathPattern)),
    pattern: /^[\w.*$/~"'@:+&?;-]{1,255}$/,
    source: `${docs}/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesCacheBehavior.html`,
  },
  {
    what: "custom headers",
    type: headersPolicy,
    measure: ({ customHeadersConfig }) => [customHeadersConfig?.items?.length ?? 0],
    most: 10,
    source: `${cloudfront}#limits-policies`,
  },
  {
    what: "characters of the content security policy",
    type: headersPolicy,
    measure: ({ securityHeadersConfig }) =>
      given(securityHeadersConfig?.contentSecurityPolicy?.contentSecurityPolicy).map(
        (text) => String(text).length,
      ),
    least: 1,
    most: 1_783,
    source: `${cloudfront}#limits-policies`,
  },
  {
    what: "headers in a cache key",
    type: cachePolicy,
    measure: ({ parametersInCacheKeyAndForwardedToOrigin: { headersConfig } }) => [
      headersConfig.headers?.items?.length ?? 0,
    ],
    most: 10,
    source: `${cloudfront}#limits-policies`,
  },
];
