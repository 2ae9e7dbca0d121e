/** A monthly budget. Of the whole account: one app's costs count nothing until its tags are switched on for billing. */
import { cloud } from "./stage.ts";

if (cloud.alarmEmail && cloud.budgetDollars > 0) {
  const notification = {
    comparisonOperator: "GREATER_THAN",
    thresholdType: "PERCENTAGE",
    subscriberEmailAddresses: [cloud.alarmEmail],
  };
  new aws.budgets.Budget("Budget", {
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
