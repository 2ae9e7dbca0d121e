/**
 * The visible messages of a queue, shared fairly between message groups. The next message is of the group with the fewest
 * messages in flight, and among several of the one that was served longest ago: a group that sends one message waits for
 * one message of another group at most, however many that has.
 */

/**
 * Messages in no fixed order. `next` returns the message to deliver. `start` counts a delivery as in flight until the
 * function that it returns is called.
 */
export type FairSet<M> = {
  add(message: M): void;
  delete(message: M): void;
  size(): number;
  all(): M[];
  next(): M | undefined;
  start(message: M): () => void;
};

type Group<M> = { waiting: Set<M>; inFlight: number };

/** Creates an empty set. Messages without a group are one group. */
export function fairSet<M extends { group?: string }>(): FairSet<M> {
  /** In the order in which a delivery of the group ended last. A group without messages is removed. */
  const groups = new Map<string | undefined, Group<M>>();

  const groupOf = ({ group }: M): Group<M> => {
    const known = groups.get(group) ?? { waiting: new Set(), inFlight: 0 };
    groups.set(group, known);
    return known;
  };

  const removeIfEmpty = ({ group }: M) => {
    const known = groups.get(group);
    if (known && known.waiting.size === 0 && known.inFlight === 0) groups.delete(group);
  };

  return {
    add: (message) => void groupOf(message).waiting.add(message),
    delete: (message) => {
      groups.get(message.group)?.waiting.delete(message);
      removeIfEmpty(message);
    },
    size: () => [...groups.values()].reduce((sum, { waiting }) => sum + waiting.size, 0),
    all: () => [...groups.values()].flatMap(({ waiting }) => [...waiting]),
    next: () => {
      let least: Group<M> | undefined;
      for (const group of groups.values())
        if (group.waiting.size > 0 && (!least || group.inFlight < least.inFlight)) least = group;
      const [message] = least?.waiting ?? [];
      return message;
    },
    start: (message) => {
      const group = groupOf(message);
      group.inFlight++;
      return () => {
        group.inFlight--;
        // To the end of the order: also a single worker alternates between groups.
        groups.delete(message.group);
        groups.set(message.group, group);
        removeIfEmpty(message);
      };
    },
  };
}
