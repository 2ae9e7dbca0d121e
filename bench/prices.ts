/** AWS list prices in US dollars: us-east-1, first tier after the free tier, November 2026. */
export const prices = {
  lambdaGBSecond: 0.0000133334, // Arm
  lambdaRequest: 0.2e-6,
  s3Put: 5e-6, // also COPY, POST and LIST
  s3Get: 0.4e-6,
  s3GBMonth: 0.023,
  tableWrite: 0.625e-6, // on demand
  tableWriteHour: 0.00065, // provisioned: one write a second for an hour
  tableRead: 0.125e-6, // on demand, 4 KB read consistently
  tableGBMonth: 0.25 + 0.2, // with point-in-time recovery
  queueRequest: 0.4e-6,
  logGB: 0.5,
  rareLogGB: 0.25, // the Infrequent Access class
  edgeGB: 0.085, // North America and Europe
  edgeRequest: 1e-6,
  edgeFunction: 0.1e-6,
  edgeStoreRead: 0.03e-6,
  alarmMetric: 0.1,
  ownMetric: 0.3,
} as const;
