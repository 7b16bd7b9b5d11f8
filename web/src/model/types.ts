/* What pages build on: the interface of the data layer. `openApp()` of model/app.ts gives an App; all else hangs on it.
 *
 * Everything that is shown is a store after Svelte's contract (`$list`, `$mailboxes`). What is asked for may be answered from this device's memory first and from
 * the server later: stores change then. Functions that change something show it at once, send it when the server can be reached, and take it back if it is
 * refused. Functions that may fail give a Result (jmap/errors.ts). Ids are the server's. No HTML of a message is touched here: bodies are given as texts. */
import type { Failure, Result } from "../jmap/errors.ts";
import type {
	AddressBook, Card, ContactCard, EmailAddress, EmailBody, EmailCondition, EmailFilter, EmailHead, EmailStory, EmailSubmission, Id, Identity, Mailbox, QuarantinedEmail, Quota, RecoverableEmail, Role, UTCDate,
	VacationResponse,
} from "../jmap/types.ts";
import type { Readable } from "../base/store.ts";
import type { Files } from "../jmap/files.ts";

export type * from "../jmap/types.ts";
export type { Failure, Result, ErrorKind } from "../jmap/errors.ts";
export type { Readable } from "../base/store.ts";
export type { Files, Upload } from "../jmap/files.ts";

// ---- The whole ----

/** Who is signed in. `unknown`: not asked yet. `expired`: was, and must sign in again; what is open stays open and writable, and goes on after that. */
export type SessionState =
	| { state: "unknown" }
	| { state: "signedOut" }
	| { state: "signedIn"; username: string; accounts: { id: Id; name: string; isReadOnly: boolean }[] }
	| { state: "expired"; username: string; accounts: { id: Id; name: string; isReadOnly: boolean }[] };

/** One of the accounts that somebody is signed in to. */
export interface Login {
	/** What stands before the paths of requests that speak of it; its name here. */
	readonly at: string;
	readonly username: string;
	/** It must sign in again; what is open stays. */
	readonly expired: boolean;
	readonly accounts: readonly Account[];
}

/** What the server doesn't have yet. */
export interface Unsaved {
	acts: number;
	drafts: number;
	outbox: number;
}

export interface App {
	/** Of all of them together: `expired` if one is, and whose it is. */
	readonly session: Readable<SessionState>;
	/** Who is signed in, in a lasting order. */
	readonly logins: Readable<Login[]>;
	/** Asks whose sessions the browser has. Offline they are those of last time, if what was kept of them is there. */
	start(): Promise<Result<SessionState>>;
	/** `device`: what this session is to be called in the list of sessions. `wrong` if name or password is; if somebody else was signed in before, all that was kept of him is wiped. */
	signIn(name: string, password: string, device?: string): Promise<Result<SessionState>>;
	/** One more account, beside those that are there. `refused` with type "409": there are as many as may be. One that is there already is given as it is. */
	add(name: string, password: string, device?: string): Promise<Result<Account>>;
	/** Ends a session, or all, and wipes what is kept of it on this device. What isn't sent yet is lost: ask `unsaved()` first. Offline the device is wiped, and the server told when it can be. */
	signOut(at?: string): Promise<Result<void>>;
	/** What signing out would lose: acts, drafts and messages that the server doesn't have yet. */
	unsaved(at?: string): Promise<Unsaved>;
	/** The mail of one account; the first one without an id. The same object each time. Null: it isn't there, or nobody is signed in. */
	account(id?: Id): Account | null;
	/** A newer version of the pages is there: reload() takes it, when all that is being written is kept. */
	readonly update: Readable<{ ready: boolean }>;
	reload(): Promise<void>;
}

/** `pending`: how many acts, messages and drafts wait for the server. */
export interface Connection {
	state: "connecting" | "online" | "offline" | "signedOut";
	pending: number;
	/** Why not, if it isn't online. */
	error: Failure | null;
}

export interface Account {
	readonly id: Id;
	/** Of its login: what stands before the paths of what the server has for browsers beside JMAP (docs/http.md). */
	readonly at: string;
	readonly name: string;
	readonly connection: Readable<Connection>;
	readonly mailboxes: Mailboxes;
	readonly acts: Acts;
	readonly messages: Messages;
	readonly drafts: Drafts;
	readonly outbox: Outbox;
	readonly receipts: Receipts;
	readonly search: Search;
	readonly contacts: Contacts;
	readonly addresses: Addresses;
	readonly spelling: Spelling;
	readonly settings: Settings;
	readonly identities: Readable<Identity[]> & { save(identity: Partial<Identity> & { id?: Id }): Promise<Result<Id>>; destroy(id: Id): Promise<Result<void>> };
	readonly vacation: Readable<VacationResponse | null> & { save(change: Partial<Omit<VacationResponse, "id">>): Promise<Result<void>> };
	readonly quotas: Readable<Quota[]>;
	readonly recoverable: Recoverable;
	readonly held: Held;
	readonly files: Files;
	/** A window on a list; close() it when it isn't shown any more. Opening the same query again is quick. */
	list(query: ListQuery): List;
	/** Asks the server for all that is new, now. Push does it by itself. */
	refresh(): Promise<void>;
}

// ---- Mailboxes ----

export interface MailboxNode {
	mailbox: Mailbox;
	children: MailboxNode[];
	/** 0 at the top. */
	depth: number;
	/** The names from the top down. */
	path: string[];
}

/** The store's value: the tree, in the order in which it is to be shown (inbox, roles, others by sortOrder and name). Counts have what was done here already. */
export interface Mailboxes extends Readable<MailboxNode[]> {
	/** All, without order. */
	readonly all: Readable<Mailbox[]>;
	byId(id: Id): Mailbox | null;
	byRole(role: Role): Mailbox | null;
	/** Where archive(), snooze() and the like put things: the one of that role, made if there is none. */
	need(role: Role): Promise<Result<Mailbox>>;
	create(name: string, parentId?: Id | null): Promise<Result<Id>>;
	/** Any of name, parentId, sortOrder, isSubscribed, role. */
	change(id: Id, change: Partial<Pick<Mailbox, "name" | "parentId" | "sortOrder" | "isSubscribed" | "role">>): Promise<Result<void>>;
	/** With what is in it if `withEmails`; else `refused` (mailboxHasEmail, mailboxHasChild). */
	destroy(id: Id, withEmails?: boolean): Promise<Result<void>>;
}

// ---- Lists ----

export interface ListQuery {
	filter: EmailFilter | null;
	/** Newest first if it isn't given. */
	sort?: { property: "receivedAt" | "sentAt" | "from" | "to" | "subject" | "size" | "snoozedUntil" | "hasKeyword" | "allInThreadHaveKeyword" | "someInThreadHaveKeyword"; isAscending?: boolean; keyword?: string }[];
	/** One row for each thread (true if it isn't given), or for each email. */
	collapseThreads?: boolean;
}

/** One line of a list. */
export interface Row {
	/** Of the email that stands for the thread. */
	id: Id;
	threadId: Id;
	email: EmailHead;
	/** The emails of the thread, oldest first; those that the list's mailbox hasn't are among them. Just `email` if threads aren't collapsed. */
	emails: EmailHead[];
	unread: boolean;
	starred: boolean;
	hasAttachment: boolean;
	/** Keywords that any of them has, those that begin with $ apart. */
	labels: string[];
}

/** What a list is now. A new object at each change. */
export interface ListView {
	/** How many rows there are; null until it is known. */
	total: number | null;
	/** The row, or undefined if it isn't loaded: show() loads it. */
	at(index: number): Row | undefined;
	/** Where a row is, by its email or thread; -1 if it isn't loaded. */
	indexOf(id: Id): number;
	/** `loading` while rows that are to be shown aren't there. `offline`: they can't be had now. */
	state: "loading" | "ready" | "offline" | "failed";
	error: Failure | null;
	/** By how many rows what was shown has moved since the last view: scroll by that much to keep it in place. 0 at the top of the list, where news is to be seen. */
	shift: number;
}

export interface List extends Readable<ListView> {
	readonly query: ListQuery;
	/** These rows are to be seen, from first to last: they and a page around are loaded. Call it at each scroll; it asks for nothing that is there or on its way. */
	show(first: number, last: number): void;
	/** Ids of all emails of the rows from first to last, also of rows that aren't loaded ("select all"): asks the server for them. */
	ids(first: number, last: number): Promise<Result<Id[]>>;
	/** The whole anew. */
	reload(): Promise<Result<void>>;
	close(): void;
}

// ---- Messages ----

/** An email with its bodies, as JMAP says them. Which of them to show, and making HTML safe, is the reader's. */
export type Message = EmailHead & EmailBody;

export interface ThreadView {
	id: Id;
	/** Oldest first; those whose bodies aren't here yet have none (messages.read() gives them). */
	emails: EmailHead[];
	state: "loading" | "ready" | "offline" | "failed";
	error: Failure | null;
}

export interface Messages {
	/** Live: flags change in it. */
	thread(threadId: Id): Readable<ThreadView>;
	/** Live head of one email; null as long as it isn't known, or if it is gone. */
	email(id: Id): Readable<EmailHead | null>;
	/** With bodies: from memory, from this device, or from the server. Doesn't mark it as read. */
	read(id: Id): Promise<Result<Message>>;
	/** Loads bodies that will probably be wanted, when nothing else is to be done. */
	prefetch(ids: Id[]): void;
	/** All emails of these threads, or only those in a mailbox. */
	idsOfThreads(threadIds: Id[], inMailbox?: Id): Promise<Result<Id[]>>;
	/** What the server has written down of it; null: it doesn't tell such. */
	story(id: Id): Promise<Result<EmailStory | null>>;
	/** A message within a message, by its blob. */
	parse(blobId: Id): Promise<Result<Message>>;
}

// ---- Mail that is in no mailbox ----

export interface Page<T> {
	list: T[];
	total: number;
}

/** What was removed for good, and can still be brought back. */
export interface Recoverable {
	/** Does the server keep such? */
	readonly isThere: boolean;
	/** For how long; seconds. */
	readonly keptFor: number;
	/** Those that were removed last first; some, from a position on. */
	page(position: number): Promise<Result<Page<RecoverableEmail>>>;
	/** Into the mailbox that each was removed from, or into that one. `refused`: of one at least. */
	restore(ids: Id[], mailboxId?: Id | null): Promise<Result<void>>;
	/** Takes restoring back: they are removed as before. */
	remove(ids: Id[]): Promise<Result<void>>;
	/** There may be others now. */
	onChange(run: () => void): () => void;
}

/** Strangers' mail that was set apart, and waits for somebody to look. */
export interface Held {
	readonly isThere: boolean;
	/** How many there are, as far as was asked. */
	readonly count: Readable<number>;
	/** The newest first; some, from a position on. */
	page(position: number): Promise<Result<Page<QuarantinedEmail>>>;
	/** Into the inbox, some moments later. */
	release(ids: Id[]): Promise<Result<void>>;
	/** For ever. */
	destroy(ids: Id[]): Promise<Result<void>>;
}

// ---- Acts ----

export type ActKind = "read" | "unread" | "star" | "unstar" | "label" | "unlabel" | "move" | "copy" | "archive" | "trash" | "destroy" | "junk" | "notJunk" | "snooze" | "unsnooze" | "empty" | "undo";

/** Something that was done to emails here. `waiting`: not sent yet. `done`: the server has it. `undone`: taken back. `refused`: the server said no, and all is as it was. */
export interface Act {
	readonly id: string;
	readonly kind: ActKind;
	/** The emails that it changed: those that were so already aren't among them. */
	readonly ids: Id[];
	/** Where to, of moves; the label, of labels. */
	readonly target: string | null;
	readonly at: number;
	readonly state: "waiting" | "done" | "undone" | "refused";
	readonly error: Failure | null;
	/** Can it be taken back now? What is destroyed can for UNDO_MS. */
	readonly canUndo: boolean;
}

/** The store's value: what was done in this window, newest first, the last hundred. All of these show at once, and return at once. */
export interface Acts extends Readable<Act[]> {
	read(ids: Id[], on?: boolean): Act;
	star(ids: Id[], on?: boolean): Act;
	/** A keyword of one's own. */
	label(ids: Id[], keyword: string, on?: boolean): Act;
	/** Into a mailbox, out of `from`; without `from`, out of all others. */
	move(ids: Id[], to: Id, from?: Id): Act;
	/** Into a mailbox beside those where they are. */
	copy(ids: Id[], to: Id): Act;
	archive(ids: Id[]): Act;
	/** Into the trash. */
	trash(ids: Id[]): Act;
	/** For ever; sent only when it can't be undone any more. */
	destroy(ids: Id[]): Act;
	/** To junk, with $junk: the server learns of it. */
	junk(ids: Id[]): Act;
	/** To the inbox, with $notjunk. */
	notJunk(ids: Id[]): Act;
	snooze(ids: Id[], until: Date): Act;
	unsnooze(ids: Id[]): Act;
	/** Destroys all of a mailbox that is there now. */
	empty(mailboxId: Id): Act;
	/** Takes exactly that back: each email is as it was, but for what others have done to it since. */
	undo(id: string): Act | null;
	undoLast(): Act | null;
	/** The server's word. `offline` never comes: it waits. */
	settled(id: string): Promise<Act>;
}

// ---- Writing ----

export interface Attachment {
	/** The draft's own name for it. */
	id: string;
	name: string;
	type: string;
	size: number;
	/** Null until the server has it. */
	blobId: Id | null;
	/** For images in the text; null for attachments. */
	cid: string | null;
	/** 0 to 1. */
	progress: number;
	error: Failure | null;
}

/** What is written. Bodies are texts: `html` null for a message without HTML. */
export interface DraftContent {
	identityId: Id | null;
	to: EmailAddress[];
	cc: EmailAddress[];
	bcc: EmailAddress[];
	replyTo: EmailAddress[];
	subject: string;
	text: string;
	html: string | null;
	/** Of what it answers or forwards: for threads, and for its $answered or $forwarded once it is sent. */
	inReplyTo: string[] | null;
	references: string[] | null;
	original: { id: Id; as: "reply" | "forward" } | null;
	/** The Message-ID of what it forwards: for finding that again on another device. */
	forwards: string | null;
	wantsReceipt: boolean;
	priority: "high" | "normal" | "low";
}

export interface DraftView {
	/** This device's own name of the draft: stays the same, while the email's id changes with each save. */
	readonly key: string;
	/** The email that the server has; null before the first save. */
	readonly emailId: Id | null;
	readonly content: DraftContent;
	readonly attachments: Attachment[];
	/** `kept`: safe on this device alone. `saved`: the server has it. `failed`: this device has it, and the server refuses it (`error`). */
	readonly state: "new" | "kept" | "saving" | "saved" | "failed";
	readonly savedAt: number | null;
	readonly error: Failure | null;
	/** Another device has changed the draft meanwhile; that version is kept beside it, as this email. */
	readonly conflict: Id | null;
}

export interface Draft extends Readable<DraftView> {
	readonly key: string;
	/** Kept on this device at once, on the server a moment later. */
	change(change: Partial<DraftContent>): void;
	/** Begins to upload; the draft shows the progress. Gives its id in the draft. */
	attach(file: File | Blob, options?: { name?: string; cid?: string }): string;
	/** Takes what the server has already: parts of a forwarded message, a message as a whole. */
	attachBlob(part: { blobId: Id; name: string; type: string; size: number; cid?: string | null }): string;
	detach(id: string): void;
	/** Tries an upload again that has failed. */
	retry(id: string): void;
	/** Now, not in a moment. */
	save(): Promise<Result<void>>;
	/** Sends it, or puts it into the outbox if the server can't be reached. The draft is closed by it. */
	send(options?: SendOptions): Promise<Result<Sending>>;
	/** Destroys it, here and on the server. */
	discard(): Promise<Result<void>>;
	/** No more changes from here; what isn't saved goes on being saved. */
	close(): void;
}

export interface Drafts {
	/** Drafts of this device that the server doesn't have as they are, and that aren't open: what was being written when a window was closed, a battery empty, a session over. */
	readonly recovered: Readable<DraftView[]>;
	create(content?: Partial<DraftContent>): Draft;
	/** A draft by its email, or by this device's key. */
	open(id: { emailId: Id } | { key: string }): Promise<Result<Draft>>;
	/** A draft of another account's goes on as this account's: with what is attached, which goes up anew. The other one is gone then; if it fails nothing has changed. */
	adopt(draft: Draft, identityId: Id): Promise<Result<Draft>>;
	/** Before a window closes: all that is written is on the device when it resolves. */
	flush(): Promise<void>;
}

export interface SendOptions {
	/** Seconds in which it can be had back (0 to 60; the setting if it isn't given). */
	undoSeconds?: number;
	/** Send it later than that. */
	at?: Date;
	/** Ask for word of the delivery (DSN), not only of failure. */
	notifyDelivery?: boolean;
}

/** A message on its way out. `queued`: on this device, waiting for the server. `held`: on the server, until sendAt. `sent`: gone. */
export interface Sending {
	readonly id: string;
	readonly state: "queued" | "held" | "sent" | "canceled" | "failed";
	readonly subject: string;
	readonly to: EmailAddress[];
	readonly sendAt: UTCDate | null;
	readonly emailId: Id | null;
	readonly submissionId: Id | null;
	/** Why it can't be sent; of one that is queued: why the last try was in vain, which is repeated. */
	readonly error: Failure | null;
}

/** The store's value: what is on its way and not sent yet, and what has failed. Also what other devices have scheduled. */
export interface Outbox extends Readable<Sending[]> {
	/** Has it back as a draft; `refused` (cannotUnsend) if it is gone. */
	cancel(id: string): Promise<Result<Draft>>;
	/** Another time; now, without. */
	reschedule(id: string, at?: Date): Promise<Result<void>>;
	/** What has become of a message that was sent. */
	status(emailId: Id): Promise<Result<EmailSubmission[]>>;
}

/** Telling senders that their messages were read, where they ask for it. */
export interface Receipts {
	/** Tells it; `automatic`: no person has decided it (RFC 8098 §3.2.6.1). That it was told is known on all devices. */
	send(id: Id, words: { subject: string; text: string }, automatic: boolean): Promise<Result<void>>;
	/** It isn't told, and nobody is asked again, on no device. */
	decline(id: Id): void;
}

// ---- Search ----

export interface ParsedSearch {
	/** Null: nothing is looked for. */
	filter: EmailFilter | null;
	/** What was understood, for showing: operators with their values, and where they stand in the text. */
	terms: { operator: keyof EmailCondition | "in" | "is" | "text"; value: string; negated: boolean; start: number; end: number }[];
	/** Operators whose values weren't understood; they are looked for as words. */
	unknown: string[];
}

/** A text to show in pieces: those that were looked for are marked. */
export type Marked = { text: string; mark: boolean }[];

export interface Facet {
	/** What to add to the search: `from:anna@example.com`, `in:Archive`, `has:attachment`. */
	add: string;
	kind: "from" | "mailbox" | "year" | "attachment" | "unread" | "starred";
	label: string;
	count: number;
}

export interface SearchView {
	text: string;
	parsed: ParsedSearch;
	/** The hits: the same list as any; null if nothing is looked for. */
	list: List | null;
	/** Of the first hits. */
	facets: Facet[];
	state: "idle" | "searching" | "ready" | "failed" | "offline";
	error: Failure | null;
}

export interface Search extends Readable<SearchView> {
	/** As one types: answers to what was typed before are given up. `within`: only in that mailbox. */
	type(text: string, within?: Id): void;
	parse(text: string, within?: Id): ParsedSearch;
	/** Subject and preview of a hit with what was looked for marked. */
	snippets(ids: Id[]): Promise<Result<Map<Id, { subject: Marked | null; preview: Marked | null }>>>;
	/** The last searches, newest first. */
	readonly recent: Readable<string[]>;
	remember(text: string): void;
	clear(): void;
}

// ---- People ----

export interface Suggestion {
	name: string;
	email: string;
	/** Of the contact, if there is one; a group has several addresses. */
	cardId: Id | null;
	members?: EmailAddress[];
	photoBlobId: Id | null;
}

export interface Addresses {
	/** Those that fit best first, from memory: at once. */
	complete(text: string, limit?: number): Suggestion[];
	/** Loads what complete() knows; it knows what it has until then. */
	load(): Promise<void>;
	/** Who is that? The contact with this address. */
	find(email: string): ContactCard | null;
}

export interface Contacts extends Readable<ContactCard[]> {
	readonly books: Readable<AddressBook[]>;
	/** Loads all cards; live after that. */
	load(): Promise<Result<void>>;
	byId(id: Id): ContactCard | null;
	/** Words in names, addresses, organizations, notes; those of one book. */
	find(text: string, bookId?: Id): ContactCard[];
	save(card: Card & { id?: Id; addressBookIds?: Record<Id, true> }): Promise<Result<Id>>;
	destroy(ids: Id[]): Promise<Result<void>>;
	/** `uids` of the members. */
	saveGroup(name: string, uids: string[], id?: Id): Promise<Result<Id>>;
	saveBook(book: Partial<AddressBook> & { name: string; id?: Id }): Promise<Result<Id>>;
	destroyBook(id: Id): Promise<Result<void>>;
	/** vCards (2.1 to 4.0) or CSV (as Google's, Outlook's and Thunderbird's exports have it), told apart by what is in it. Cards with a uid that is there are replaced. */
	importText(text: string, bookId?: Id): Promise<Result<{ created: number; replaced: number; failed: { name: string; error: Failure }[] }>>;
	export(format: "vcard" | "csv", ids?: Id[]): string;
}

// ---- Spelling ----

/** The server's dictionaries. Words are sent to it, and it writes none of them down. */
export interface Spelling {
	/** "ru", "pt-PT", …; empty where the server has none: then the browser's own checker is what there is. */
	readonly languages: readonly string[];
	/** Which of these words none of the dictionaries knows, nor the person's own. */
	check(words: readonly string[], languages: readonly string[]): Promise<Result<Set<string>>>;
	suggest(word: string, languages: readonly string[]): Promise<Result<string[]>>;
	/** It is right from now on, on all devices. */
	learn(word: string): Promise<Result<void>>;
}

// ---- The rest ----

/** What a person sets for all his devices. Add what a page needs; unknown ones are kept. */
export interface SettingsValue {
	theme: "system" | "light" | "dark";
	language: string | null;
	density: "comfortable" | "compact";
	conversations: boolean;
	/** Seconds. */
	undoSend: number;
	/** Seconds after which an open message is read; null: never by itself. */
	markRead: number | null;
	remoteImages: "never" | "ask" | "known";
	/** Addresses or @domains whose images may be loaded. */
	imagesFrom: string[];
	composeHtml: boolean;
	signaturePlace: "above" | "below";
	/** Are words checked while one writes? */
	spelling: boolean;
	afterAct: "next" | "previous" | "list";
	/** `always`: to contacts; others are asked about. */
	receipts: "never" | "ask" | "always";
	shortcuts: boolean;
	notifications: boolean;
	swipeLeft: ActKind | null;
	swipeRight: ActKind | null;
	readingPane: "right" | "bottom" | "none";
	labels: { keyword: string; name: string; color: string }[];
	[more: string]: unknown;
}

/** Kept on the server, as is said in model/settings.ts, and on this device for when it is offline. */
export interface Settings extends Readable<SettingsValue> {
	change(change: Partial<SettingsValue>): void;
}
