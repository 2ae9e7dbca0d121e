/** Formats a time for responses: whole seconds, UTC. Swift's generated clients reject fractions of a second. */
export const wholeSeconds = (iso: string) => `${iso.slice(0, 19)}Z`;
