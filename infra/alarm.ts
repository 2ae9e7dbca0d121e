/** How an alarm is made, and whom it tells. */
import { cloud } from "./stage.ts";

/** A metric as CloudWatch names it. */
export type Metric = {
  namespace: string;
  metricName: string;
  dimensions: Record<string, $util.Input<string>>;
};

/** When the statistic of a metric, or of several summed up, passes `above` in each of `periods` of so many seconds. */
export type Alarm = {
  metrics: Metric[];
  statistic: "Sum" | "Maximum" | "Average";
  above: number;
  seconds?: number;
  periods?: number;
  about: string;
};

/** A topic that tells the stage's address, if it has one. */
export function notify(name: string, opts?: $util.CustomResourceOptions): $util.Input<string>[] {
  if (!cloud.alarmEmail) return [];
  const topic = new aws.sns.Topic(name, { name: `${$app.name}-${$app.stage}-${name}` }, opts);
  new aws.sns.TopicSubscription(
    `${name}Email`,
    { topic: topic.arn, protocol: "email", endpoint: cloud.alarmEmail },
    opts,
  );
  return [topic.arn];
}

/** Makes an alarm, named for its stage so that the e-mail says which. */
export function raise(
  name: string,
  { metrics, statistic, above, seconds = 300, periods = 1, about }: Alarm,
  actions: $util.Input<string>[],
  opts?: $util.CustomResourceOptions,
) {
  const [metric] = metrics;
  new aws.cloudwatch.MetricAlarm(
    `${name}Alarm`,
    {
      name: `${$app.name}-${$app.stage}-${name}`,
      alarmDescription: about,
      alarmActions: actions,
      okActions: actions,
      comparisonOperator: "GreaterThanThreshold",
      threshold: above,
      evaluationPeriods: periods,
      // No traffic is no fault.
      treatMissingData: "notBreaching",
      ...(metrics.length === 1
        ? { ...metric, statistic, period: seconds }
        : {
            metricQueries: [
              { id: "total", expression: "SUM(FILL(METRICS(), 0))", label: name, returnData: true },
              ...metrics.map((each, index) => ({
                id: `m${index}`,
                metric: { ...each, stat: statistic, period: seconds },
              })),
            ],
          }),
    },
    opts,
  );
}
