/** Pulumi mocks: the outputs of resources that other resources use, such as ARNs, URLs and the account. */
import { generateKeyPairSync } from "node:crypto";
import type { Graph } from "./graph.ts";

export const account = "123456789012";

/** Returns mocks that collect every resource in `graph` and give it the outputs that AWS would, in its region. */
export function mocks(graph: Graph, home: string): $util.runtime.Mocks {
  /** Regions of the providers that the app adds. */
  const regions = new Map<string, string>();
  const newResource: $util.runtime.Mocks["newResource"] = ({ type, name, inputs, id, provider }) => {
    // A provider is referred to as `…::pulumi:providers:aws::<its name>::<its id>`.
    if (type === "pulumi:providers:aws") regions.set(name, inputs.region);
    const region = regions.get(provider?.split("::").at(-2) ?? "") ?? home;
    // SST refers to every linkable component so that its command line can write sst-env.d.ts.
    if (type === "sst:sst:LinkRef") graph.links[name.replace(/LinkRef$/, "")] = inputs.properties;
    else graph.resources.push({ type, name, inputs, region, retainOnDelete: false });
    const named = inputs.name ?? inputs.bucket ?? name;
    return {
      id: id || `${name}-id`,
      state: {
        ...inputs,
        name: named,
        bucket: inputs.bucket ?? named,
        arn: arnOf(type, named, region),
        bucketRegionalDomainName: `${named}.s3.${region}.amazonaws.com`,
        domainName: `${name.toLowerCase()}.cloudfront.net`,
        functionUrl: `https://${name.toLowerCase()}.lambda-url.${region}.on.aws/`,
        url: `https://sqs.${region}.amazonaws.com/${account}/${named}`,
        hostedZoneId: "Z2FDTNDATAQYW2",
        zoneId: inputs.zoneId ?? "Z0123456789ABCDEFGHIJ",
        hex: Buffer.alloc(32, name).toString("hex"),
        ...(type === "command:local:Command" && { stdout: privateKeyOf(name) }),
        result: home
          .replace(/[^a-z]/g, "")
          .padEnd(8, "x")
          .slice(0, 8),
        base64: Buffer.alloc(32, name).toString("base64"),
        domainValidationOptions: [
          {
            domainName: inputs.domainName,
            resourceRecordName: "_validate",
            resourceRecordType: "CNAME",
            resourceRecordValue: "_valid",
          },
        ],
      },
    };
  };
  const call: $util.runtime.Mocks["call"] = ({ token, inputs }) => {
    switch (token) {
      case "aws:iam/getPolicyDocument:getPolicyDocument":
        return { ...inputs, json: JSON.stringify({ Statement: inputs.statements }) };
      case "aws:index/getCallerIdentity:getCallerIdentity":
        return { accountId: account, arn: `arn:aws:iam::${account}:user/deployer`, userId: "deployer" };
      case "aws:index/getRegion:getRegion":
        // Provider 7 has `region` where 6 has `name`.
        return { id: home, name: home, region: home };
      case "aws:index/getPartition:getPartition":
        return { partition: "aws" };
      default:
        return inputs;
    }
  };
  return { newResource, call };
}

const keys = new Map<string, string>();

/** Returns the output of a command that generates a private key: another for each name. */
function privateKeyOf(name: string): string {
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const key = keys.get(name) ?? privateKey;
  keys.set(name, key);
  return key;
}

function arnOf(type: string, name: string, region: string): string {
  switch (type) {
    case "aws:s3/bucketV2:BucketV2":
    case "aws:s3/bucket:Bucket":
      return `arn:aws:s3:::${name}`;
    case "aws:dynamodb/table:Table":
      return `arn:aws:dynamodb:${region}:${account}:table/${name}`;
    case "aws:lambda/function:Function":
      return `arn:aws:lambda:${region}:${account}:function:${name}`;
    case "aws:sqs/queue:Queue":
      return `arn:aws:sqs:${region}:${account}:${name}`;
    case "aws:cloudfront/distribution:Distribution":
      return `arn:aws:cloudfront::${account}:distribution/${name}`;
    default:
      return `arn:aws:${type.split(/[:/]/)[1]}:${region}:${account}:${name}`;
  }
}
