// Whose names stand in a row.
import type { EmailAddress, Row } from "../../model/types.ts";

export interface Person {
	name: string;
	email: string;
}

function called(one: EmailAddress): Person {
	return { name: one.name?.trim() || one.email, email: one.email };
}

/** Those who have written, the newest last, or whom it went to; the account's owner only if there is nobody else. Each once; by their first names if they are many. */
export function peopleOf(row: Row, outgoing: boolean, own: string): Person[] {
	const all = row.emails.length ? row.emails : [row.email];
	const found = new Map<string, Person>();
	for (const email of all) for (const one of (outgoing ? [...(email.to ?? []), ...(email.cc ?? [])] : email.from) ?? []) found.set(one.email.toLowerCase(), called(one));
	if (found.size > 1) found.delete(own.toLowerCase());
	const people = [...found.values()];
	return people.length > 1 ? people.map((one) => ({ ...one, name: one.name.includes("@") ? one.name.split("@")[0]! : one.name.split(/\s+/)[0]! })) : people;
}
