/** What a cloud would answer, as far as other resources ask for it: ARNs, addresses and the account. */
import type { Graph } from "./graph.ts";

export const account = "123456789012";
export const region = "us-east-1";

/** Collects every resource in `graph` and gives it the outputs that AWS would. */
export const mocks = (graph: Graph): $util.runtime.Mocks => ({
  newResource({ type, name, inputs, id }) {
    // SST refers to every linkable component so that its command line can write sst-env.d.ts.
    if (type === "sst:sst:LinkRef") graph.links[name.replace(/LinkRef$/, "")] = inputs.properties;
    else graph.resources.push({ type, name, inputs, retainOnDelete: false });
    const named = inputs.name ?? inputs.bucket ?? name;
    return {
      id: id || `${name}-id`,
      state: {
        ...inputs,
        name: named,
        bucket: inputs.bucket ?? named,
        arn: arnOf(type, named),
        bucketRegionalDomainName: `${named}.s3.${region}.amazonaws.com`,
        domainName: `${name.toLowerCase()}.cloudfront.net`,
        functionUrl: `https://${name.toLowerCase()}.lambda-url.${region}.on.aws/`,
        url: `https://sqs.${region}.amazonaws.com/${account}/${named}`,
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
  },
  call({ token, inputs }) {
    switch (token) {
      case "aws:iam/getPolicyDocument:getPolicyDocument":
        return { ...inputs, json: JSON.stringify({ Statement: inputs.statements }) };
      case "aws:index/getCallerIdentity:getCallerIdentity":
        return { accountId: account, arn: `arn:aws:iam::${account}:user/deployer`, userId: "deployer" };
      case "aws:index/getRegion:getRegion":
        // Provider 7 has `region` where 6 has `name`.
        return { id: region, name: region, region };
      case "aws:index/getPartition:getPartition":
        return { partition: "aws" };
      default:
        return inputs;
    }
  },
});

function arnOf(type: string, name: string): string {
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
