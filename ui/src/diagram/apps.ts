/** Which apps stand at the left of the diagram: three plates at most, the rest summed up in the last. */
import type { ClientView } from "../api/types";

export interface AppPlate {
  name: string;
  perMinute: number;
  /** How many apps the plate stands for. */
  stands: number;
}

export const PLATES = 3;

export function appPlates(clients: readonly ClientView[]): AppPlate[] {
  const plate = ({ name, perMinute }: ClientView): AppPlate => ({ name, perMinute, stands: 1 });
  if (clients.length <= PLATES) return clients.map(plate);
  const rest = clients.slice(PLATES - 1);
  const perMinute = rest.reduce((sum, client) => sum + client.perMinute, 0);
  return [...clients.slice(0, PLATES - 1).map(plate), { name: `${rest.length} more apps`, perMinute, stands: rest.length }];
}
