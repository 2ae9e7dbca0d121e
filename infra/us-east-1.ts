/** The provider for resources that CloudFront accepts from us-east-1 only, whichever region the stage is in. */
let provider: aws.Provider | undefined;

/** Returns the provider, and creates it on the first call. */
export function usEast1(): aws.Provider {
  provider ??= new aws.Provider("UsEast1", {
    region: "us-east-1",
    // As on SST's own provider, so that cost reports by app and stage include these resources.
    defaultTags: { tags: { "sst:app": $app.name, "sst:stage": $app.stage } },
  });
  return provider;
}
