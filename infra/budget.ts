/** A monthly budget of the whole account: AWS counts costs by tag only once the tag is activated for billing. */
import { cloud, globalName } from "./config.ts";

if (cloud.alarmEmail && cloud.budgetDollars > 0) {
  const notification = {
    comparisonOperator: "GREATER_THAN",
    thresholdType: "PERCENTAGE",
    subscriberEmailAddresses: [cloud.alarmEmail],
  };
  new aws.budgets.Budget("Budget", {
    name: globalName("Budget"),
    budgetType: "COST",
    timeUnit: "MONTHLY",
    limitAmount: String(cloud.budgetDollars),
    limitUnit: "USD",
    notifications: [
      { ...notification, notificationType: "ACTUAL", threshold: 80 },
      { ...notification, notificationType: "FORECASTED", threshold: 100 },
    ],
  });
}
