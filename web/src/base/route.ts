// The address bar: #/mail/MAILBOX/THREAD, #/search/TEXT/THREAD, #/contacts/ID, #/settings/PART, #/write/KEY.

export type Route =
	| { view: "mail"; mailbox: string | null; thread: string | null }
	| { view: "search"; text: string; thread: string | null }
	| { view: "contacts"; id: string | null }
	| { view: "settings"; part: string | null };

/** What an address shows; the inbox for what is none of ours. */
export function parseRoute(hash: string): Route {
	const [view = "", first = null, second = null] = hash.replace(/^#?\/?/, "").split("/").map(decode);
	switch (view) {
	case "search":
		return { view, text: first ?? "", thread: second || null };
	case "contacts":
		return { view, id: first || null };
	case "settings":
		return { view, part: first || null };
	default:
		return view === "mail" ? { view, mailbox: first || null, thread: second || null } : { view: "mail", mailbox: null, thread: null };
	}
}

/** The address of what is to be shown, with its "#". */
export function formatRoute(route: Route): string {
	const parts = { mail: () => route.view === "mail" ? [route.mailbox, route.thread] : [], search: () => route.view === "search" ? [route.text, route.thread] : [],
		contacts: () => route.view === "contacts" ? [route.id] : [], settings: () => route.view === "settings" ? [route.part] : [] }[route.view]();
	const kept = parts.slice(0, parts.reduce((last, part, i) => (part ? i + 1 : last), 0));
	return "#/" + [route.view, ...kept.map((part) => encodeURIComponent(part ?? ""))].join("/");
}

function decode(part: string): string {
	try {
		return decodeURIComponent(part);
	} catch {
		return "";
	}
}
