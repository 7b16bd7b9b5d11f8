// What `check` finds, in the language that is shown: its lines are known by their shape; one that isn't is shown as the server says it.
import { t, type Key } from "../base/i18n.svelte.ts";
import type { PageName } from "./route.svelte.ts";
import type { Finding } from "./types.ts";

interface Known {
	pattern: RegExp;
	/** admin.finding.NAME is what it is, with {a}, {b} … of the pattern; admin.mend.NAME what to do. */
	name: string;
	page?: PageName;
}

export const KNOWN: Known[] = [
	{ pattern: /^no domain: mail is taken for nobody$/, name: "noDomain", page: "start" },
	{ pattern: /^(\S+) takes no mail$/, name: "noPostmaster", page: "aliases" },
	{ pattern: /^the catch-all (\S+) of (\S+) is nobody's address$/, name: "catchAll", page: "domains" },
	{ pattern: /^the alias (\S+) leads to nobody$/, name: "aliasNobody", page: "aliases" },
	{ pattern: /^the alias (\S+) hides the account of that name/, name: "aliasHides", page: "aliases" },
	{ pattern: /^the alias (\S+) leads to (\S+), which (.+)$/, name: "aliasTarget", page: "aliases" },
	{ pattern: /^the alias (\S+) can't be followed/, name: "aliasLoop", page: "aliases" },
	{ pattern: /^the disk of (\S+) is full: (\d+) % are free$/, name: "diskFull" },
	{ pattern: /^the disk of (\S+) is nearly full: (\d+) % are free$/, name: "diskLow" },
	{ pattern: /^hostname "(.*)" has no domain$/, name: "hostname", page: "settings" },
	{ pattern: /^passwords are taken without TLS, though there is a certificate$/, name: "plaintext", page: "settings" },
	{ pattern: /^(.+) is open to other users \(mode (\d+)\)$/, name: "open" },
	{ pattern: /^the name of this server, (\S+), has no address in the DNS$/, name: "noAddress", page: "start" },
	{ pattern: /^the address (\S+) has no name that leads back to it$/, name: "noPtr" },
	{ pattern: /^the name of the address (\S+) is (\S+), not (\S+)$/, name: "ptr" },
	{ pattern: /^(\S+) has no MX record: /, name: "noMx", page: "domains" },
	{ pattern: /^no MX record of (\S+) leads to (\S+): /, name: "mxElsewhere", page: "domains" },
	{ pattern: /^signatures of (\S+) don't verify: the record (\S+) TXT is (.+)$/, name: "signatures", page: "domains" },
	{ pattern: /^the address (\S+) is listed by (\S+): /, name: "listed", page: "queue" },
	{ pattern: /^the certificate (?:of )?(\S+) has expired$/, name: "certificateEnded", page: "certificates" },
	{ pattern: /^the certificate (\S+) expires in (\d+) days$/, name: "certificateSoon", page: "certificates" },
	{ pattern: /^the certificate (\S+) is not for (\S+)$/, name: "certificateName", page: "certificates" },
	{ pattern: /^the certificate (\S+) is self-signed: /, name: "selfSigned", page: "certificates" },
	{ pattern: /^getting a certificate for (\S+) has failed \((\d+) times in a row\): (.*)$/, name: "certificateFails", page: "certificates" },
	{ pattern: /^there is no certificate: /, name: "noCertificate", page: "certificates" },
	{ pattern: /^the role (\S+) is (\S+)$/, name: "role", page: "graphs" },
	{ pattern: /^the role (\S+) was started again (\d+) times$/, name: "roleAgain", page: "graphs" },
	{ pattern: /^this server was told of no backup$/, name: "noBackup" },
	{ pattern: /^the last backup, at (.+), is damaged$/, name: "backupDamaged" },
	{ pattern: /^the last backup, at (.+), was made (\d+) days ago$/, name: "backupOld" },
	{ pattern: /^no backup was looked over$/, name: "backupUnseen" },
];

/** What is wrong, what mends it, and on which page. */
export function explain({ what, mend }: Finding): { what: string; mend: string; page: PageName | null } {
	for (const { pattern, name, page } of KNOWN) {
		const found = pattern.exec(what);
		if (!found) continue;
		const values = { a: found[1] ?? "", b: found[2] ?? "", c: found[3] ?? "" };
		return { what: t(`admin.finding.${name}` as Key, values), mend: t(`admin.mend.${name}` as Key, values), page: page ?? null };
	}
	return { what, mend, page: pageOf(what) };
}

/** Where what isn't known by its line is likely mended. */
function pageOf(what: string): PageName | null {
	if (/certificate/i.test(what)) return "certificates";
	if (/\b(DNS|MX|SPF|DKIM|DMARC|PTR|records?|keys?)\b/.test(what)) return "domains";
	return null;
}
