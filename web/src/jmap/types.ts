/* What JMAP's objects look like, as this server has them: RFC 8620 (core), 8621 (mail), 9404 (blobs), 9425 (quotas), 9610 and 9553 (contacts). Times are
 * texts as the protocol writes them (UTCDate: "2026-01-31T12:00:00Z"); sizes are bytes. Nothing here is more than a type. */

export type Id = string;
export type UTCDate = string;

/** A map that stands for a set: the keys are the members. */
export type IdSet = Record<Id, true>;

// ---- Core ----

export interface CoreLimits {
	maxSizeUpload: number;
	maxConcurrentUpload: number;
	maxSizeRequest: number;
	maxConcurrentRequests: number;
	maxCallsInRequest: number;
	maxObjectsInGet: number;
	maxObjectsInSet: number;
}

export interface SessionAccount {
	name: string;
	isPersonal: boolean;
	isReadOnly: boolean;
	accountCapabilities: Record<string, Record<string, unknown>>;
}

/** RFC 8620 §2. */
export interface SessionObject {
	capabilities: Record<string, Record<string, unknown>>;
	accounts: Record<Id, SessionAccount>;
	primaryAccounts: Record<string, Id>;
	username: string;
	apiUrl: string;
	downloadUrl: string;
	uploadUrl: string;
	eventSourceUrl: string;
	state: string;
}

/** RFC 8620 §5.3. */
export interface SetError {
	type: string;
	description?: string | null;
	properties?: string[] | null;
	[more: string]: unknown;
}

export interface GetResponse<T> {
	accountId: Id;
	state: string;
	list: T[];
	notFound: Id[];
}

export interface ChangesResponse {
	accountId: Id;
	oldState: string;
	newState: string;
	hasMoreChanges: boolean;
	created: Id[];
	updated: Id[];
	destroyed: Id[];
	/** Mailbox/changes alone: null if anything may have changed. */
	updatedProperties?: string[] | null;
}

export interface SetResponse<T> {
	accountId: Id;
	oldState: string | null;
	newState: string;
	created: Record<string, Partial<T> & { id: Id }> | null;
	updated: Record<Id, Partial<T> | null> | null;
	destroyed: Id[] | null;
	notCreated: Record<string, SetError> | null;
	notUpdated: Record<Id, SetError> | null;
	notDestroyed: Record<Id, SetError> | null;
}

export interface QueryResponse {
	accountId: Id;
	queryState: string;
	canCalculateChanges: boolean;
	position: number;
	ids: Id[];
	total?: number;
	limit?: number;
}

export interface QueryChangesResponse {
	accountId: Id;
	oldQueryState: string;
	newQueryState: string;
	total?: number;
	removed: Id[];
	added: { id: Id; index: number }[];
}

export interface Comparator {
	property: string;
	isAscending?: boolean;
	collation?: string;
	keyword?: string;
}

export type Filter<C> = C | { operator: "AND" | "OR" | "NOT"; conditions: Filter<C>[] };

/** RFC 8620 §7.1. */
export interface StateChange {
	"@type": "StateChange";
	changed: Record<Id, Record<string, string>>;
	pushState?: string;
}

/** RFC 8620 §7.2. */
export interface PushSubscription {
	id: Id;
	deviceClientId: string;
	url: string;
	keys: { p256dh: string; auth: string } | null;
	verificationCode: string | null;
	expires: UTCDate | null;
	types: string[] | null;
	/** New emails themselves (draft-ietf-jmap-emailpush), by account. */
	emailPush?: Record<Id, { filter: EmailFilter | null; properties: string[]; urgency?: string }> | null;
}

// ---- Mail ----

export type Role = "inbox" | "archive" | "drafts" | "flagged" | "important" | "junk" | "sent" | "snoozed" | "scheduled" | "trash" | "all" | "memos";

export interface MailboxRights {
	mayReadItems: boolean;
	mayAddItems: boolean;
	mayRemoveItems: boolean;
	maySetSeen: boolean;
	maySetKeywords: boolean;
	mayCreateChild: boolean;
	mayRename: boolean;
	mayDelete: boolean;
	maySubmit: boolean;
}

/** RFC 8621 §2. */
export interface Mailbox {
	id: Id;
	name: string;
	parentId: Id | null;
	role: Role | null;
	sortOrder: number;
	totalEmails: number;
	unreadEmails: number;
	totalThreads: number;
	unreadThreads: number;
	myRights: MailboxRights;
	isSubscribed: boolean;
}

export interface Thread {
	id: Id;
	/** Oldest first. */
	emailIds: Id[];
}

export interface EmailAddress {
	name: string | null;
	email: string;
}

export interface EmailBodyPart {
	partId: string | null;
	blobId: Id | null;
	size: number;
	name: string | null;
	type: string;
	charset: string | null;
	disposition: string | null;
	cid: string | null;
	language?: string[] | null;
	location?: string | null;
	subParts?: EmailBodyPart[] | null;
	[header: `header:${string}`]: unknown;
}

export interface EmailBodyValue {
	value: string;
	isEncodingProblem: boolean;
	isTruncated: boolean;
}

/** A message that sleeps (docs/jmap.md): until when, where it comes back to, and what it gets then. */
export interface Snoozed {
	until: UTCDate;
	moveToMailboxId?: Id | null;
	setKeywords?: Record<string, boolean> | null;
}

/** What lists show of an email (RFC 8621 §4.1). */
export interface EmailHead {
	id: Id;
	blobId: Id;
	threadId: Id;
	mailboxIds: IdSet;
	keywords: Record<string, true>;
	size: number;
	receivedAt: UTCDate;
	messageId: string[] | null;
	inReplyTo: string[] | null;
	references: string[] | null;
	sender: EmailAddress[] | null;
	from: EmailAddress[] | null;
	to: EmailAddress[] | null;
	cc: EmailAddress[] | null;
	bcc: EmailAddress[] | null;
	replyTo: EmailAddress[] | null;
	subject: string | null;
	sentAt: string | null;
	hasAttachment: boolean;
	preview: string;
	snoozed?: Snoozed | null;
}

/** With what is needed to read it. */
export interface EmailBody {
	bodyStructure: EmailBodyPart;
	bodyValues: Record<string, EmailBodyValue>;
	textBody: EmailBodyPart[];
	htmlBody: EmailBodyPart[];
	attachments: EmailBodyPart[];
	headers?: { name: string; value: string }[];
	[header: `header:${string}`]: unknown;
}

export type Email = EmailHead & Partial<EmailBody>;

/** RFC 8621 §4.4.1. */
export interface EmailCondition {
	inMailbox?: Id;
	inMailboxOtherThan?: Id[];
	before?: UTCDate;
	after?: UTCDate;
	minSize?: number;
	maxSize?: number;
	allInThreadHaveKeyword?: string;
	someInThreadHaveKeyword?: string;
	noneInThreadHaveKeyword?: string;
	hasKeyword?: string;
	notKeyword?: string;
	hasAttachment?: boolean;
	text?: string;
	from?: string;
	to?: string;
	cc?: string;
	bcc?: string;
	subject?: string;
	body?: string;
	header?: string[];
	/** Where the server can snooze. */
	isSnoozed?: boolean;
}
export type EmailFilter = Filter<EmailCondition>;

export interface SearchSnippet {
	emailId: Id;
	/** HTML with <mark> alone: to be read by model/search.ts, never to be put into a page as it is. */
	subject: string | null;
	preview: string | null;
}

// ---- Sending ----

export interface Identity {
	id: Id;
	name: string;
	email: string;
	replyTo: EmailAddress[] | null;
	bcc: EmailAddress[] | null;
	textSignature: string;
	htmlSignature: string;
	mayDelete: boolean;
}

export interface EnvelopeAddress {
	email: string;
	parameters: Record<string, string | null> | null;
}

export interface Envelope {
	mailFrom: EnvelopeAddress;
	rcptTo: EnvelopeAddress[];
}

export interface DeliveryStatus {
	smtpReply: string;
	delivered: "queued" | "yes" | "no" | "unknown";
	displayed: "unknown" | "yes";
}

export interface EmailSubmission {
	id: Id;
	identityId: Id;
	emailId: Id;
	threadId: Id;
	envelope: Envelope | null;
	sendAt: UTCDate;
	undoStatus: "pending" | "final" | "canceled";
	deliveryStatus: Record<string, DeliveryStatus> | null;
	dsnBlobIds: Id[];
	mdnBlobIds: Id[];
}

// ---- What became of a message (docs/jmap.md) ----

export interface StoryFinding {
	rule: string;
	points: number;
	/** What the rule means, in the account's language; empty: nobody knows it. */
	text: string;
}

/** What the server has written down at a time. Which of these there are depends on `event`. */
export interface StoryRow {
	time: string;
	event: string;
	direction?: "in" | "out";
	host?: string;
	tls?: string;
	from?: string;
	size?: number;
	action?: string;
	points?: number;
	junk?: boolean;
	findings?: StoryFinding[];
	mailbox?: string;
	isDuplicate?: boolean;
	until?: UTCDate;
	reason?: string;
	recipient?: string;
	status?: string;
	reply?: string;
	delay?: number;
	retryIn?: number;
	isExpired?: boolean;
}

export interface EmailStory {
	id: Id;
	rows: StoryRow[];
	isComplete: boolean;
}

export interface VacationResponse {
	id: "singleton";
	isEnabled: boolean;
	fromDate: UTCDate | null;
	toDate: UTCDate | null;
	subject: string | null;
	textBody: string | null;
	htmlBody: string | null;
}

// ---- Quotas, contacts ----

export interface Quota {
	id: Id;
	resourceType: "octets" | "count";
	used: number;
	hardLimit: number;
	warnLimit?: number | null;
	softLimit?: number | null;
	scope: string;
	name: string;
	types: string[];
	description?: string | null;
}

export interface AddressBook {
	id: Id;
	name: string;
	description: string | null;
	sortOrder: number;
	isDefault: boolean;
	isSubscribed: boolean;
	myRights: Record<string, boolean>;
}

/** The part of a JSContact Card (RFC 9553) that pages work with; others stay as they are. */
export interface Card {
	"@type"?: "Card";
	version?: string;
	uid?: string;
	kind?: string;
	name?: { "@type"?: string; full?: string; components?: { kind: string; value: string }[]; isOrdered?: boolean };
	nicknames?: Record<string, { "@type"?: string; name: string }>;
	emails?: Record<string, { "@type"?: string; address: string; label?: string; contexts?: Record<string, true>; pref?: number }>;
	phones?: Record<string, { "@type"?: string; number: string; label?: string; contexts?: Record<string, true>; features?: Record<string, true>; pref?: number }>;
	addresses?: Record<string, { "@type"?: string; full?: string; components?: { kind: string; value: string }[]; contexts?: Record<string, true>; [more: string]: unknown }>;
	organizations?: Record<string, { "@type"?: string; name?: string; units?: { name: string }[] }>;
	titles?: Record<string, { "@type"?: string; name: string; kind?: string }>;
	anniversaries?: Record<string, { "@type"?: string; kind: string; date: Record<string, unknown>; [more: string]: unknown }>;
	links?: Record<string, { "@type"?: string; uri: string; kind?: string; label?: string }>;
	notes?: Record<string, { "@type"?: string; note: string }>;
	media?: Record<string, { "@type"?: string; kind: string; uri?: string; blobId?: Id; mediaType?: string }>;
	keywords?: Record<string, true>;
	members?: Record<string, true>;
	[more: string]: unknown;
}

export interface ContactCard extends Card {
	id: Id;
	addressBookIds: IdSet;
}

export interface CardCondition {
	inAddressBook?: Id;
	uid?: string;
	hasMember?: string;
	kind?: string;
	text?: string;
	name?: string;
	email?: string;
	phone?: string;
	organization?: string;
	note?: string;
}

export interface BlobUpload {
	id: Id;
	type: string | null;
	size: number;
}

// ---- This server's own (docs/jmap.md) ----

/** Removed for good, and still to be had back: with the id that the email had. */
export interface RecoverableEmail {
	id: Id;
	threadId: Id;
	size: number;
	receivedAt: UTCDate;
	subject: string | null;
	from: EmailAddress[] | null;
	to: EmailAddress[] | null;
	hasAttachment: boolean;
	preview: string;
	removedAt: UTCDate;
	goneAt: UTCDate;
	mailboxId: Id | null;
}

/** A finding of those who judge mail. `text` may be empty. */
export interface Finding {
	rule: string;
	points: number;
	text: string;
}

/** Strangers' mail that was set apart, and waits. */
export interface QuarantinedEmail {
	id: Id;
	from: EmailAddress[] | null;
	sender: string;
	recipient: string;
	subject: string | null;
	receivedAt: UTCDate;
	sentAt: string | null;
	size: number;
	goneAt: UTCDate | null;
	points: number;
	reason: string | null;
	findings: Finding[];
	mayRelease: boolean;
}
