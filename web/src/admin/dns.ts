// What a DNS record of a domain is for, by its name and type; and the parts that a provider's form asks for.
import type { DnsRecord } from "./types.ts";

export type Purpose = "mx" | "spf" | "dkim" | "dmarc" | "mtaSts" | "tlsRpt" | "srv" | "settings" | "dane" | "caa" | "other";

export function purposeOf({ name, type, line }: DnsRecord): Purpose {
	if (type === "MX") return "mx";
	if (type === "CAA") return "caa";
	if (type === "TLSA") return "dane";
	if (type === "SRV") return "srv";
	if (/_domainkey\./.test(name)) return "dkim";
	if (name.startsWith("_dmarc.")) return "dmarc";
	if (/^(_mta-sts|mta-sts)\./.test(name)) return "mtaSts";
	if (name.startsWith("_smtp._tls.")) return "tlsRpt";
	if (type === "TXT" && /v=spf1/.test(line)) return "spf";
	return /^_?(autoconfig|autodiscover|ua-auto-config)/.test(name) ? "settings" : "other";
}

/** The value of a line of a zone file, as forms take it: strings without their quotes and joined, names without the dot at the end. */
export function valueOf({ line, type }: DnsRecord): string {
	const after = new RegExp(`\\s${type}\\s+(.*)$`, "s").exec(line)?.[1]?.trim() ?? line;
	const strings = [...after.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((found) => (found[1] ?? "").replace(/\\(.)/g, "$1"));
	if (type === "TXT" && strings.length > 0) return strings.join("");
	return after.replace(/\.$/, "");
}

/** The name as forms want it: what stands before the domain; "@" for the domain itself. */
export function hostOf(name: string, domain: string): string {
	const plain = name.replace(/\.$/, "");
	if (plain === domain) return "@";
	return plain.endsWith(`.${domain}`) ? plain.slice(0, -domain.length - 1) : plain;
}

/** Must it be mended? What is advised may be missing. */
export function isFault({ state, needed }: DnsRecord): boolean {
	return state !== undefined && state !== "right" && (needed || state !== "missing");
}
