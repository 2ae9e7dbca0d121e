/** A DynamoDB item as it goes over the wire, made plain. */

type Wire = { S?: string; N?: string; BOOL?: boolean; M?: Record<string, Wire>; L?: Wire[] };

/** The item's attributes as JavaScript values. Knows the types that this product writes. */
export const plain = (item: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(item as Record<string, Wire>).map(([name, value]) => [name, read(value)]),
  );

function read({ S, N, BOOL, M, L }: Wire): unknown {
  if (S !== undefined) return S;
  if (N !== undefined) return Number(N);
  if (M !== undefined) return plain(M);
  if (L !== undefined) return L.map(read);
  return BOOL;
}
