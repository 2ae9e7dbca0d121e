/**
 * Scopes of callers. `service` is for servers: it permits acting for any owner, and an end user's token never grants
 * it.
 */
export const scopes = ["images:read", "images:write", "service"] as const;

export type Scope = (typeof scopes)[number];
