// Several accounts side by side: how they are called, and how one is gone to.
import { go, route } from "../base/router.svelte.ts";
import type { Account, Login } from "../model/types.ts";

export interface Place {
	login: Login;
	account: Account;
	/** How the address bar names it: the first needs no name. */
	name: string | null;
}

/** All that somebody is signed in to. */
export function placesOf(logins: readonly Login[]): Place[] {
	return logins.flatMap((login) => login.accounts.map((account) => ({ login, account }))).map((place, i) => ({ ...place, name: i === 0 ? null : place.account.id }));
}

/** To an account's inbox; or to what is shown now, but of that account. */
export function goTo(place: Place): void {
	const now = route();
	go(now.view === "settings" || now.view === "contacts" ? now : { view: "mail", mailbox: null, thread: null }, false, place.name);
}
