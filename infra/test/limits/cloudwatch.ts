/** Limits of CloudWatch: alarms, dashboards and log groups. */
import { docs, given, type Inputs, type Limit } from "./limit.ts";

const alarms = `${docs}/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html`;
const dashboards = `${docs}/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html`;

const alarm = /metricAlarm:/;
const dashboard = /cloudwatch\/dashboard:/;

const metricsOf = ({ metricQueries }: Inputs) => (metricQueries ?? []).filter(({ metric }: Inputs) => metric);
const widgetsOf = ({ dashboardBody }: Inputs): Inputs[] => JSON.parse(dashboardBody).widgets;

export const cloudwatchLimits: Limit[] = [
  { what: "name", type: alarm, texts: ({ name }) => [name], pattern: /^[\x20-\x7e]{1,255}$/, source: alarms },
  {
    what: "characters of the description",
    type: alarm,
    measure: ({ alarmDescription }) => [alarmDescription.length],
    most: 1_024,
    source: alarms,
  },
  {
    what: "metrics",
    type: alarm,
    measure: (inputs) => [metricsOf(inputs).length],
    most: 10,
    source: `${docs}/AmazonCloudWatch/latest/monitoring/Create-alarm-on-metric-math-expression.html`,
  },
  {
    what: "actions",
    type: alarm,
    measure: ({ alarmActions = [] }) => [alarmActions.length],
    most: 5,
    source: alarms,
  },
  {
    what: "seconds that an alarm looks back",
    type: alarm,
    measure: (inputs) =>
      [inputs, ...metricsOf(inputs).map(({ metric }: Inputs) => metric)]
        .flatMap(({ period }) => given(period))
        .map((period) => period * inputs.evaluationPeriods),
    least: 10,
    most: 86_400,
    source: alarms,
  },
  {
    what: "seconds of a period, beyond whole minutes",
    type: alarm,
    measure: (inputs) =>
      [inputs, ...metricsOf(inputs).map(({ metric }: Inputs) => metric)]
        .flatMap(({ period }) => given(period))
        .map((period) => period % 60),
    most: 0,
    source: alarms,
  },
  {
    what: "name",
    type: dashboard,
    texts: ({ dashboardName }) => [dashboardName],
    pattern: /^[\w-]{1,255}$/,
    source: `${docs}/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html`,
  },
  {
    what: "widgets",
    type: dashboard,
    measure: (inputs) => [widgetsOf(inputs).length],
    least: 1,
    most: 500,
    source: dashboards,
  },
  {
    what: "metrics of a widget",
    type: dashboard,
    measure: (inputs) => widgetsOf(inputs).map(({ properties }) => properties.metrics.length),
    least: 1,
    most: 500,
    source: dashboards,
  },
  {
    what: "metrics of all widgets",
    type: dashboard,
    measure: (inputs) => [widgetsOf(inputs).flatMap(({ properties }) => properties.metrics).length],
    most: 2_500,
    source: dashboards,
  },
  {
    what: "name",
    type: /logGroup:/,
    texts: ({ name }) => [name],
    pattern: /^[\w./#-]{1,512}$/,
    source: `${docs}/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html`,
  },
  {
    what: "retention",
    type: /logGroup:/,
    texts: ({ retentionInDays }) => [String(retentionInDays)],
    pattern: /^(1|3|5|7|14|30|60|90|120|150|180|365|400|545|731|1096|1827|2192|2557|2922|3288|3653)$/,
    source: `${docs}/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html`,
  },
];
