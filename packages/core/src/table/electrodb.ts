/** ElectroDB without its services and transactions, which nothing here uses: a tenth of what it weighs. */
export { Entity } from "electrodb/src/entity.js";
export { ElectroError } from "electrodb/src/errors.js";
export { CustomAttributeType } from "electrodb/src/schema.js";
