/** Estimates what it costs to send images through the pipeline. */

/**
 * List prices of us-east-1 in US dollars, without free allowances: https://aws.amazon.com/lambda/pricing/,
 * s3/pricing/, dynamodb/pricing/on-demand/ and sqs/pricing/. Other regions differ by a few tenths.
 */
const prices = {
  gigabyteSecond: 0.000_013_333_4,
  invocation: 0.000_000_2,
  put: 0.000_005,
  get: 0.000_000_4,
  write: 0.000_000_625,
  message: 0.000_000_4,
};

/** One image: a claim, a read, four variants, a commit with its indexes and audit event. Seconds for a 12 MP photo. */
const perImage = { gigabytes: 2, seconds: 1.5, puts: 4, gets: 2, writes: 12, messages: 3 };

/** Estimates US dollars for a number of images; 0 on this machine. The size of the images decides most of it. */
export function costOf(images: number, stage: string): number {
  if (stage === "local") return 0;
  const { gigabytes, seconds, puts, gets, writes, messages } = perImage;
  const each =
    gigabytes * seconds * prices.gigabyteSecond +
    prices.invocation +
    puts * prices.put +
    gets * prices.get +
    writes * prices.write +
    messages * prices.message;
  // To a hundredth of a cent: more digits would claim a precision that an estimate does not have.
  return Number((images * each).toFixed(4));
}

/** Returns the estimate in words. */
export function costInWords(images: number, stage: string): string {
  if (stage === "local") return "at no cost";
  const dollars = costOf(images, stage);
  return dollars < 0.01 ? "for less than a cent" : `for about $${dollars.toFixed(2)} at list prices`;
}
