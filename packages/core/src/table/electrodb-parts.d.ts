// Parts of ElectroDB without the rest of it.
declare module "electrodb/src/entity.js" {
  export { Entity } from "electrodb";
}
declare module "electrodb/src/errors.js" {
  export { ElectroError } from "electrodb";
}
declare module "electrodb/src/schema.js" {
  export { CustomAttributeType } from "electrodb";
}
