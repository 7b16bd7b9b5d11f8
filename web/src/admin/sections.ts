// The groups of options (src/config/options.def) by what they are called there: admin.section.NAME.
export const SECTIONS = {
	"This server": "server",
	Listeners: "listeners",
	TLS: "tls",
	Receiving: "receiving",
	"At the door": "door",
	"What our own people send": "own",
	Sending: "sending",
	Spam: "spam",
	"What is attached to strangers' mail, or packed in that": "attached",
	"Scanners of others": "scanners",
	Mailboxes: "mailboxes",
	"Setting up mail clients": "clients",
	"Signing in": "signIn",
} as const;
