// The sandbox's records, in memory, and the list answers Nexudus builds from them (paging, filters, ranges).

export type User = {
  Id: number;
  FullName: string;
  Email: string;
  Active: boolean;
  Devices: string | null;
  Businesses: number[];
  UpdatedOn: string;
};

export type Coworker = {
  Id: number;
  UserId: number | null;
  FullName: string;
  Email: string;
  CoworkerType: number;
  Active: boolean;
  Archived: boolean;
  AllowNetworkCheckin: boolean;
  InvoicingBusinessId: number;
  Businesses: number[];
  Teams: number[];
  UpdatedOn: string;
};

export type RegisteredDevice = {
  Id: number;
  BusinessId: number | null;
  UserId: number | null;
  Name: string;
  DeviceType: string;
  DeviceId: string;
  Active: boolean;
  LastHeartBeat: string | null;
  UpdatedOn: string;
};

export type CoworkerContract = {
  Id: number;
  CoworkerId: number;
  TariffName: string;
  Active: boolean;
  UpdatedOn: string;
};

export type Team = { Id: number; BusinessId: number; Name: string; UpdatedOn: string };

export type FailedCheckin = {
  Id: number;
  BusinessId: number;
  CoworkerId: number | null;
  CheckinAttemptTime: string;
  CheckinAttemptTimeLocal: string | null;
  Source: number;
  MacAddresses: string | null;
  TeamsAtTheTimeOfCheckin: string | null;
  TariffAtTheTimeOfCheckin: string | null;
  Description: string | null;
  /** When the sandbox received it. */
  CreatedOn: string;
  UpdatedOn: string;
};

/** One kind of record by Id, in the order the records were added. */
export class Table<R extends { Id: number; UpdatedOn: string }> {
  readonly #records = new Map<number, R>();
  readonly #blank: (id: number) => R;
  readonly #now: () => Date;
  #nextId: number;

  constructor(firstId: number, now: () => Date, blank: (id: number) => Omit<R, 'UpdatedOn'>) {
    this.#nextId = firstId;
    this.#now = now;
    this.#blank = (id) => ({ ...blank(id), UpdatedOn: this.#now().toISOString() }) as R;
  }

  get size(): number {
    return this.#records.size;
  }

  /** Adds a record. Fields that are not given get plausible values, such as a new Id. */
  add(fields: Partial<R> = {}): R {
    const id = fields.Id ?? this.#nextId;
    this.#nextId = Math.max(this.#nextId, id + 1);
    const record = { ...this.#blank(id), ...fields, Id: id };
    this.#records.set(id, record);
    return record;
  }

  /** Changes a record and, unless the changes set it, its UpdatedOn. Throws when there is no such record. */
  update(id: number, changes: Partial<R>): R {
    const record = this.#records.get(id);
    if (record === undefined) throw new Error(`the sandbox has no record ${id} to change`);
    return Object.assign(record, { UpdatedOn: this.#now().toISOString() }, changes);
  }

  remove(id: number): boolean {
    return this.#records.delete(id);
  }

  get(id: number): R | undefined {
    return this.#records.get(id);
  }

  values(): R[] {
    return [...this.#records.values()];
  }
}

export type Tables = {
  users: Table<User>;
  coworkers: Table<Coworker>;
  registeredDevices: Table<RegisteredDevice>;
  contracts: Table<CoworkerContract>;
  teams: Table<Team>;
  failedCheckins: Table<FailedCheckin>;
};

export function createTables(now: () => Date): Tables {
  return {
    users: new Table<User>(1_000_001, now, (id) => ({
      Id: id,
      FullName: `User ${id}`,
      Email: `user${id}@example.com`,
      Active: true,
      Devices: null,
      Businesses: [],
    })),
    coworkers: new Table<Coworker>(2_000_001, now, (id) => ({
      Id: id,
      UserId: null,
      FullName: `Coworker ${id}`,
      Email: `coworker${id}@example.com`,
      CoworkerType: 1,
      Active: true,
      Archived: false,
      AllowNetworkCheckin: true,
      InvoicingBusinessId: 1,
      Businesses: [],
      Teams: [],
    })),
    registeredDevices: new Table<RegisteredDevice>(3_000_001, now, (id) => ({
      Id: id,
      BusinessId: null,
      UserId: null,
      Name: `Device ${id}`,
      DeviceType: 'Laptop',
      DeviceId: `device-${id}`,
      Active: true,
      LastHeartBeat: null,
    })),
    contracts: new Table<CoworkerContract>(4_000_001, now, (id) => ({
      Id: id,
      CoworkerId: 0,
      TariffName: 'Full time',
      Active: true,
    })),
    teams: new Table<Team>(5_000_001, now, (id) => ({ Id: id, BusinessId: 1, Name: `Team ${id}` })),
    failedCheckins: new Table<FailedCheckin>(87_654_321, now, (id) => ({
      Id: id,
      BusinessId: 0,
      CoworkerId: null,
      CheckinAttemptTime: '',
      CheckinAttemptTimeLocal: null,
      Source: 0,
      MacAddresses: null,
      TeamsAtTheTimeOfCheckin: null,
      TariffAtTheTimeOfCheckin: null,
      Description: null,
      CreatedOn: now().toISOString(),
    })),
  };
}

/** A time as Nexudus writes it: UTC where no zone is given. NaN when it is none. */
export function timeOf(text: string): number {
  return Date.parse(/(?:Z|[+-]\d{2}:?\d{2})$/i.test(text) ? text : `${text}Z`);
}

/**
 * Returns the records that pass the filters `Entity_Field=value`, `from_Entity_Field=` and `to_Entity_Field=`. `Entity_Business`
 * means BusinessId. Text matches when it contains the value, which is the loosest way to read the documentation, and clients must
 * work with it. Filters for fields that the record does not have are ignored. The zone of a range is not documented: it is
 * `rangeOffsetMs` behind UTC.
 */
export function filter<R extends object>(
  records: R[],
  entity: string,
  query: URLSearchParams,
  rangeOffsetMs: number,
): R[] {
  const tests: Array<(record: R) => boolean> = [];
  for (const [name, wanted] of query) {
    const match = new RegExp(`^(?:(from|to)_)?${entity}_(\\w+)$`, 'i').exec(name);
    if (match === null) continue;
    const [, range, field = ''] = match;
    tests.push((record) => {
      const value = fieldOf(record, field);
      if (value === undefined) return true;
      if (range === undefined) return equals(value, wanted);
      if (typeof value !== 'string') return false;
      const edge = timeOf(wanted) + rangeOffsetMs;
      return range.toLowerCase() === 'from' ? timeOf(value) >= edge : timeOf(value) <= edge;
    });
  }
  return tests.length === 0 ? records : records.filter((record) => tests.every((test) => test(record)));
}

function fieldOf(record: object, field: string): unknown {
  const names = [field.toLowerCase(), `${field.toLowerCase()}id`];
  return Object.entries(record).find(([name]) => names.includes(name.toLowerCase()))?.[1];
}

function equals(value: unknown, wanted: string): boolean {
  if (typeof value === 'string') return value.toLowerCase().includes(wanted.toLowerCase());
  return String(value) === wanted;
}

/** The documented list envelope. `page` counts from 1; `size` defaults to 25 and is cut to `maxSize`. */
export function page<R extends object>(records: R[], query: URLSearchParams, maxSize: number) {
  const size = Math.min(positive(query.get('size')) ?? 25, maxSize);
  const current = positive(query.get('page')) ?? 1;
  const orderBy = query.get('orderBy') ?? 'Id';
  const sorted =
    orderBy === 'Id' ? records : [...records].sort((a, b) => compare(fieldOf(a, orderBy), fieldOf(b, orderBy)));
  const first = (current - 1) * size;
  const rows = sorted.slice(first, first + size);
  const pages = Math.ceil(records.length / size);
  return {
    Records: rows,
    CurrentPage: current,
    CurrentPageSize: size,
    CurrentOrderField: orderBy,
    CurrentSortDirection: 0,
    FirstItem: rows.length === 0 ? 0 : first + 1,
    LastItem: first + rows.length,
    TotalItems: records.length,
    TotalPages: pages,
    HasNextPage: current < pages,
    HasPreviousPage: current > 1,
  };
}

function positive(text: string | null): number | null {
  const number = Number(text);
  return text !== null && Number.isInteger(number) && number > 0 ? number : null;
}

function compare(a: unknown, b: unknown): number {
  return String(a).localeCompare(String(b), 'en', { numeric: true });
}
