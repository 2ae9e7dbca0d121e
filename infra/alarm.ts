/** CloudWatch alarms and the SNS topics that they notify. */
import { cloud, globalName } from "./config.ts";

/** A metric in CloudWatch's own terms. */
export type Metric = {
  namespace: string;
  metricName: string;
  dimensions: Record<string, $util.Input<string>>;
};

/** The condition of an alarm: the statistic of a metric, or the sum over several, is `above` in each of `periods` periods of `seconds`. */
export type Alarm = {
  metrics: Metric[];
  statistic: "Sum" | "Maximum" | "Average";
  above: number;
  seconds?: number;
  periods?: number;
  about: string;
};

/** Creates a topic that e-mails `ALARM_EMAIL`, and returns its ARN as the alarm's actions; none if it is not set. */
export function notify(name: string, opts?: $util.CustomResourceOptions): $util.Input<string>[] {
  if (!cloud.alarmEmail) return [];
  const topic = new aws.sns.Topic(name, { name: globalName(name) }, opts);
  new aws.sns.TopicSubscription(
    `${name}Email`,
    { topic: topic.arn, protocol: "email", endpoint: cloud.alarmEmail },
    opts,
  );
  return [topic.arn];
}

/** Creates an alarm. Its name contains the stage and the region, which the e-mail's subject shows. */
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
      name: globalName(name),
      alarmDescription: about,
      alarmActions: actions,
      okActions: actions,
      comparisonOperator: "GreaterThanThreshold",
      threshold: above,
      evaluationPeriods: periods,
      // No data means no traffic.
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
