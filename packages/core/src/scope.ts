/**
 * What a caller may be allowed to do. `service` is for servers: it lifts the limit to one owner, and never comes
 * from an end user's token.
 */
export const scopes = ["images:read", "images:write", "service"] as const;

export type Scope = (typeof scopes)[number];
