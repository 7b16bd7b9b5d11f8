/* People, as the other roles see them: who is an address for, who may sign in, who may send as whom. The answers come
 * from the auth role over a socketpair; no other role can read a password hash.
 *
 * A call waits until the auth role has answered (or AUTH_ANSWER_SECONDS have passed: temporary failure). One that takes a struct
 * auth_wait waits in its thread only if that is NULL: else it says …_AWAITED, and the same call, made again when it was woken, gives
 * the answer. When the auth role is restarted meanwhile, questions are asked again, and exchanges (sign_in_step) fail at once.
 * Thread-safe: one connection is shared by all workers of a process. */
#ifndef AUTH_H
#define AUTH_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "config/thresholds.h"

struct auth;

enum { AUTH_ANSWER_SECONDS = 30 };

/** Speaks over `fd`, one end of a SOCK_SEQPACKET socketpair whose other end the auth role has; takes it over. */
struct auth *auth_open(int fd);
void auth_close(struct auth **auth);
/** Begins to hear what the auth role says unasked: whether SCRAM can be offered. The first question does that, too. */
void auth_listen(struct auth *auth);

/* ---- Waiting without a thread ---- */

/** What a session has asked and is not yet answered; one question at a time. */
struct auth_wait {
	void (*wake)(void *context);    /* called once for each, under a lock of `auth`, in any thread: to be quick and call nothing of this header */
	void *context;
	struct auth_question *question; /* auth's own; NULL: none */
};
/** Was something asked whose answer hasn't been taken? */
bool auth_is_awaited(const struct auth_wait *wait);
/** Gives up what was asked, if anything: wake() isn't called any more when this has returned. Due before what it wakes is freed. */
void auth_wait_end(struct auth_wait *wait);

/* ---- Addresses ---- */

enum auth_recipient_kind {
	RECIPIENT_LOCAL,     /* an account, alias or catch-all of ours */
	RECIPIENT_FOREIGN,   /* the domain isn't ours: relaying */
	RECIPIENT_UNKNOWN,   /* the domain is ours, the address isn't */
	RECIPIENT_DISABLED,  /* the account exists and takes no mail */
	RECIPIENT_RETURN,    /* a rewritten sender of ours (srs.h): reports alone, from the null reverse-path, are given on to whose it was */
	RECIPIENT_TEMPORARY, /* can't be told now: answer 4xx */
	RECIPIENT_AWAITED,
};
/** How large a message the mailbox that an address leads to can take: now, and if it were empty. UINT64_MAX: any. Of several mailboxes
 * it is the one with the most room now, and the largest; `account` tells the former from others, as long as the auth role isn't restarted (0: no limits). */
struct auth_recipient_room { uint64_t now, most, account; };
/** What is known of a recipient. The room has limits only where the address leads to accounts with limits (RECIPIENT_ACCOUNTS_MAX at most) and nowhere
 * else. The thresholds are those that the accounts agree upon (config_thresholds_join()); for each other to which it leads the options' count. */
struct auth_recipient_facts {
	struct auth_recipient_room room;
	struct config_thresholds thresholds;
};
/** For RCPT TO: what is this address? Plus-addressing, aliases, catch-alls, domain aliases and "postmaster" without
 * a domain are considered. `facts` may be NULL. */
enum auth_recipient_kind auth_recipient(struct auth *auth, struct auth_wait *wait, struct slice address, struct auth_recipient_facts *facts);

/** Why a target of an alias leads nowhere: an administrator's mistake, which the others behind the alias don't suffer from. */
enum auth_route_problem { ROUTE_GOOD, ROUTE_NOBODY, ROUTE_DISABLED, ROUTE_LOOP, ROUTE_TOO_FAR, ROUTE_PROBLEM_MAX = ROUTE_TOO_FAR };

struct auth_route {
	bool local;            /* to an account, else to another server */
	struct slice address;  /* the account's name, or the remote address to forward to; with a problem: the target */
	struct slice detail;   /* what stood after '+', if the address had it and it wasn't part of a name; with a problem: the alias */
	enum auth_route_problem problem;
	struct config_thresholds thresholds; /* local: the account's, or else its domain's */
};
/** In words, as they follow the target: "is nobody's address". */
const char *auth_route_problem(enum auth_route_problem problem);
/** For the courier: where mail for this address goes in the end, aliases expanded (loops end), duplicates removed; at least one
 * good route, and after all good ones the targets of aliases that lead nowhere.
 * ERROR_NOT_FOUND: nobody; ERROR_TEMPORARY; ERROR_LIMIT: aliases lead to more addresses, or all through more steps, than are followed
 * (an administrator's mistake that he can mend). An address of a foreign domain gives itself as a remote route. */
bool auth_resolve(struct auth *auth, struct slice address, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error);
/** The same in two steps, for who has several to ask about: asks, and returns at once. NULL: such an address is nobody's. */
struct auth_question *auth_resolve_begin(struct auth *auth, struct slice address);
/** Waits for the answer and takes it; sets *question to NULL. */
bool auth_resolve_end(struct auth_question **question, struct arena *arena, struct auth_route **routes, size_t *count, struct error *error);

enum auth_sender_right {
	SENDER_OTHERS,    /* somebody else's, or nobody's */
	SENDER_OWN,
	SENDER_TEMPORARY, /* can't be told now: answer 4xx */
	SENDER_AWAITED,
};
/** May this account put `address` into MAIL FROM (or From)? Its own name, aliases that lead only to it, plus-addresses,
 * and addresses that were granted. */
enum auth_sender_right auth_may_send_as(struct auth *auth, struct auth_wait *wait, struct slice account, struct slice address);

/** To how many recipients an account may write. 0: as configured; negative: to any number. */
struct auth_rates { int64_t per_hour, per_day; };
enum auth_rates_known {
	RATES_KNOWN,
	RATES_TEMPORARY, /* can't be told now */
	RATES_AWAITED,
};
/** What was set for this account; as configured, if it is none. */
enum auth_rates_known auth_rates(struct auth *auth, struct auth_wait *wait, struct slice account, struct auth_rates *rates);

/** The languages that the server speaks to people in. */
enum auth_language { LANGUAGE_EN, LANGUAGE_PT, LANGUAGE_RU, LANGUAGE_COUNT };
/** From "en", "pt", "ru"; false: it is none of them. */
bool auth_language_parse(struct slice name, enum auth_language *language);
/** The first of them that a field Accept-Language names (RFC 9110 §12.5.4): browsers name first what is wanted most. False: it names none. */
bool auth_language_accepted(struct slice field, enum auth_language *language);
/** Which language to write to this address in: that of the one account that it leads to, or else its domain's; English for others, and
 * where nobody knows. */
enum auth_language auth_language(struct auth *auth, struct slice address);

/** With which reverse-path mail from `from`, that a stranger sent to `via`, goes on to another server: rewritten (srs.h), unless the option
 * srs is off or the sender's domain is ours. *out in the arena, or `from`. For the courier alone. False: can't be told now. */
bool auth_forward_sender(struct auth *auth, struct slice from, struct slice via, struct arena *arena, struct slice *out);

/* ---- Signing what goes out ---- */

enum {
	AUTH_SIGNING_KEYS_MAX = 8,  /* of a domain */
	AUTH_SELECTOR_MAX = 63,
	AUTH_DIGEST_SIZE = 32,      /* SHA-256 */
	AUTH_SIGNATURE_MAX = 1024,
	AUTH_KEY_RECORD_MAX = 8192,
};
/** Where a key is in its life. */
enum auth_key_state {
	KEY_SIGNS,
	KEY_NEW,     /* its record is to be published; nothing is signed with it yet */
	KEY_RETIRED, /* it signs nothing any more; its record stays for what it has signed */
};
/** A key that a domain's mail is signed with (dkim/dkim.h), without what is secret of it. */
struct auth_signing_key {
	struct slice selector;
	bool ed25519;        /* else RSA */
	/* Only in the directory's lists: */
	struct slice record; /* the TXT record of SELECTOR._domainkey.DOMAIN */
	enum auth_key_state state;
	int64_t since;       /* … which it has been in, seconds since 1970 */
	int64_t seen;        /* KEY_NEW: since when the DNS has shown its record; 0: it hasn't been seen */
	bool forgotten;      /* KEY_RETIRED: what is private of it is gone */
};
/** The keys that a domain's mail is signed with now; none if it isn't ours, or has none. For the courier alone: nobody else is answered.
 * False: can't be told now. */
bool auth_signing_keys(struct auth *auth, struct slice domain, struct arena *arena, struct auth_signing_key **keys, size_t *count);
/** Appends the signature of a digest with one of them, AUTH_SIGNATURE_MAX bytes at most. No key leaves the auth role. False: can't be had now. */
bool auth_sign(struct auth *auth, struct slice domain, struct slice selector, const unsigned char digest[AUTH_DIGEST_SIZE], struct buf *signature);
/** Whose keys are being changed: *domain: the next one after `after`, empty: there is none; *keys: selectors and records of its new keys, which the DNS
 * must show before they sign; none: it isn't at that step. What waits for nothing but time is done meanwhile. For the courier alone. False: can't be told now. */
bool auth_rotation_next(struct auth *auth, struct slice after, struct arena *arena, struct slice *domain, struct auth_signing_key **keys, size_t *count);
/** Tells whether the DNS shows them all, and for how long that may be kept, in seconds: when they have stood there for long enough they sign. */
bool auth_rotation_shown(struct auth *auth, struct slice domain, bool shown, uint32_t ttl);

/* ---- Sessions of the web ---- */

enum {
	AUTH_WEB_TOKEN_SIZE = 43,    /* characters, of which a cookie may be */
	AUTH_WEB_DEVICE_MAX = 100,   /* bytes of a device's name */
	AUTH_WEB_SESSIONS_MAX = 100, /* of an account; one more ends that which was used last longest ago */
};
/** Somebody who has signed in with a browser. It ends when it wasn't used for the option web_session, when its owner or an administrator ends it, and
 * with the identity of its sign-in. */
struct auth_web_session {
	int64_t id;              /* not secret */
	struct slice account;
	int64_t identity;        /* of the sign-in, see struct auth_account */
	struct slice device;     /* what its owner, or his browser, calls it; UTF-8 */
	struct slice address;    /* from where it was begun */
	int64_t created, used;   /* seconds since 1970; the latter within an hour */
	int64_t proved;          /* when the account's own password was shown for it; 0: the auth role has seen none. Of the directory alone */
};
enum auth_web { AUTH_WEB_DONE, AUTH_WEB_FULL /* there are as many already as may be */, AUTH_WEB_NONE /* there is no such session, or its account has changed */, AUTH_WEB_TEMPORARY /* can't be told now */, AUTH_WEB_AWAITED };
/* For the web role alone: nobody else is answered. */
/** Makes one of account, identity, device and address; fills in its token. */
enum auth_web auth_web_begin(struct auth *auth, struct auth_wait *wait, const struct auth_web_session *session, char token[AUTH_WEB_TOKEN_SIZE + 1]);
/** Whose token is it? *session in the arena. */
enum auth_web auth_web_find(struct auth *auth, struct auth_wait *wait, struct slice token, struct arena *arena, struct auth_web_session *session);
/** An account's. */
enum auth_web auth_web_list(struct auth *auth, struct auth_wait *wait, struct slice account, struct arena *arena, struct auth_web_session **list, size_t *count);
/** Ends one of an account's, or all (0). */
enum auth_web auth_web_end(struct auth *auth, struct auth_wait *wait, struct slice account, int64_t id);

/* ---- Administrators ---- */

/** What somebody administers: nothing; the domain of his account; the server. */
enum auth_rank { RANK_NONE, RANK_DOMAIN, RANK_SERVER };
/** "no", "domain", "server". */
const char *auth_rank_text(enum auth_rank rank);
/** From those words; false: it is none of them. */
bool auth_rank_parse(struct slice word, enum auth_rank *rank);

enum {
	AUTH_ADMIN_KEY_SIZE = 12 + AUTH_WEB_TOKEN_SIZE, /* characters: "pombaladmin_", by which people and programs that look for leaked secrets know one, and a token */
	AUTH_ADMIN_KEYS_MAX = 1000,
};
/** A key by which programs, and pages of other servers, administer this one. It belongs to no account. */
struct auth_admin_key {
	int64_t id;            /* not secret */
	struct slice name;
	struct slice domain;   /* the only one that it is for; empty: for the server */
	bool reads;            /* it changes nothing */
	int64_t created, used, expires; /* as struct auth_credential has them */
};
/** Who administers. */
struct auth_administrator {
	struct slice who;      /* the account, or the key's name */
	bool key;
	enum auth_rank rank;
	struct slice domain;   /* of RANK_DOMAIN */
	bool reads;
	int64_t proved;        /* when the session's owner has last shown the password to the auth role, seconds since 1970; 0: never, as far as is known */
};
/** By what he says who he is: a key, or the token of a session of the web; and from where. */
struct auth_admin_proof {
	bool key;
	struct slice secret, address;
};
enum auth_admin { AUTH_ADMIN_KNOWN /* what he administers says *out */, AUTH_ADMIN_STRANGER /* no such key or session */, AUTH_ADMIN_THROTTLED, AUTH_ADMIN_TEMPORARY };
/** For the admin role alone: nobody else is answered. *out in the arena. *delay_ms: how long the answer must be held back. */
enum auth_admin auth_administrator(struct auth *auth, const struct auth_admin_proof *proof, struct arena *arena, struct auth_administrator *out, int *delay_ms);

/* ---- App passwords, and programs that were let in ---- */


enum {
	AUTH_APP_PASSWORD_SIZE = 34,      /* characters, as it is shown: seven groups of four */
	AUTH_CREDENTIALS_MAX = 100,       /* of an account and a kind */
	AUTH_CREDENTIAL_NAME_MAX = 100,   /* bytes */
};
enum auth_credential_kind { AUTH_APP_PASSWORD, AUTH_GRANT };
/** By what somebody may sign in to an account for a part of what its owner may. It ends when it expires, when its owner or an administrator ends it, and with
 * the identity that made it: with another password, and when the account is disabled. Sessions that began with it end, too. */
struct auth_credential {
	int64_t id;              /* not secret */
	enum auth_credential_kind kind;
	struct slice account;
	int64_t identity;
	struct slice name;       /* what its owner calls it; of a grant: the program, as it calls itself */
	struct slice address;    /* from where it was made; may be empty */
	unsigned scopes;         /* of enum auth_scope, without AUTH_MAY_MANAGE */
	int64_t created, used, expires; /* seconds since 1970; used: within an hour, 0: never; expires: 0: never */
};
/** Can that be a name of one? */
bool auth_credential_is_name(struct slice name);
/* For the web role alone: nobody else is answered. */
/** Makes an app password of account, identity, name, address, scopes and expires; `text` is shown once, and nowhere kept. AUTH_WEB_FULL: there are too many. */
enum auth_web auth_app_password_make(struct auth *auth, struct auth_wait *wait, const struct auth_credential *wanted, int64_t *id, char text[AUTH_APP_PASSWORD_SIZE + 1]);
/** An account's, of both kinds. */
enum auth_web auth_credential_list(struct auth *auth, struct auth_wait *wait, struct slice account, struct arena *arena, struct auth_credential **list, size_t *count);
/** Ends one of an account's. */
enum auth_web auth_credential_end(struct auth *auth, struct auth_wait *wait, struct slice account, int64_t id);

/* ---- OAuth (RFC 6749): letting a program in ---- */

/** What a program asks for that wants all of mail: IMAP, POP3, submission, JMAP (draft-ietf-mailmaint-oauth-public). */
#define AUTH_OAUTH_SCOPE_MAIL "urn:ietf:params:oauth:scope:mail"
enum {
	AUTH_REDIRECT_MAX = 300,          /* bytes of a redirect URI */
	AUTH_REDIRECTS_MAX = 600,         /* … of all of a program, separated by blanks */
	AUTH_CLIENT_ID_MAX = 1024,
	AUTH_CHALLENGE_SIZE = 43,         /* RFC 7636 §4.2: SHA-256 in base64, in the alphabet of URLs */
	AUTH_VERIFIER_MAX = 128,
	AUTH_REFRESH_SIZE = 2 * AUTH_WEB_TOKEN_SIZE,
	AUTH_CODE_SECONDS = 600,          /* the profile for open public clients wants ten minutes, RFC 6749 §4.1.2 allows no more */
	AUTH_ACCESS_SECONDS = 3600,
	AUTH_GRANT_SECONDS = 90 * 24 * 3600, /* so long a program may rest before it has to ask anew */
};
/** A redirect URI by which nobody but a program of the same device hears (RFC 8252 §7): of a loopback address, or of a scheme that is a domain written backwards. */
bool auth_redirect_is_native(struct slice uri);
/** *host: "http://127.0.0.1" or "http://[::1]"; *path: what follows it and the port. */
bool auth_redirect_is_loopback(struct slice uri, struct slice *host, struct slice *path);
bool auth_redirect_is_private(struct slice uri, struct slice *scheme);

/** What an account's owner has allowed. */
struct auth_oauth_request {
	struct slice client, redirect, challenge; /* challenge: AUTH_CHALLENGE_SIZE characters, S256 */
	struct slice account;
	int64_t identity;
	struct slice name, address;               /* of the program; from where it was allowed */
	unsigned scopes;
};
struct auth_oauth_exchange { struct slice code, client, redirect, verifier, address; /* of who asks */ };
struct auth_oauth_tokens {
	char access[AUTH_WEB_TOKEN_SIZE + 1], refresh[AUTH_REFRESH_SIZE + 1];
	unsigned scopes;
	int delay_ms; /* how long the answer must be held back (conn_delay), whether it is right or wrong; of AUTH_WEB_TEMPORARY not 0: there were too many failures, it was sent away */
};
/* For the web role alone. AUTH_WEB_NONE: it is refused. */
/** Registers a program (RFC 7591); `redirects` separated by blanks. *client in the arena. */
enum auth_web auth_oauth_register(struct auth *auth, struct auth_wait *wait, struct slice name, struct slice redirects, struct arena *arena, struct slice *client);
/** Is it registered, with that redirect URI? Its name, in the arena. */
enum auth_web auth_oauth_client(struct auth *auth, struct auth_wait *wait, struct slice client, struct slice redirect, struct arena *arena, struct slice *name);
enum auth_web auth_oauth_allow(struct auth *auth, struct auth_wait *wait, const struct auth_oauth_request *request, char code[AUTH_WEB_TOKEN_SIZE + 1]);
/** RFC 6749 §4.1.3, RFC 7636 §4.6. A code is exchanged once: if it comes again what came of it ends. */
enum auth_web auth_oauth_exchange(struct auth *auth, struct auth_wait *wait, const struct auth_oauth_exchange *exchange, struct auth_oauth_tokens *tokens);
/** RFC 6749 §6; `scopes` 0: all that were granted. A token is used once: if it comes again the grant ends. AUTH_WEB_FULL: more scopes than were granted. */
enum auth_web auth_oauth_refresh(struct auth *auth, struct auth_wait *wait, struct slice address, struct slice refresh, struct slice client, unsigned scopes, struct auth_oauth_tokens *tokens);
/** Ends the grant that a token is of (RFC 7009); AUTH_WEB_DONE also if it is none. */
enum auth_web auth_oauth_revoke(struct auth *auth, struct auth_wait *wait, struct slice token);

/* ---- Push services ---- */

enum {
	AUTH_PUSH_PUBLIC_SIZE = 65,    /* a point of P-256 */
	AUTH_PUSH_AUDIENCE_MAX = 300,  /* bytes of "https://host:port" */
	AUTH_PUSH_TOKEN_MAX = 1300,
};
/** The key by which push services know this server (VAPID, RFC 8292). */
struct auth_push_key {
	int64_t id;
	unsigned char public[AUTH_PUSH_PUBLIC_SIZE];
};
/** The key with this number, or the one that is used now (0); and, if an audience is named, what the field Authorization says to it (RFC 8292 §3): *token, in the
 * arena, good for hours; may be NULL where there is none. AUTH_WEB_NONE: that key is gone. For the web role alone. */
enum auth_web auth_push_token(struct auth *auth, struct auth_wait *wait, int64_t id, struct slice audience, struct arena *arena, struct auth_push_key *key, struct slice *token);

/* ---- Signing in ---- */

/** What somebody may do who has signed in. The account's password lets him do all; an app password or a token what it was made for, and never
 * AUTH_MAY_MANAGE: what is limited can't make itself, or anything else, less so. */
enum auth_scope {
	AUTH_MAY_READ = 1,     /* read mail */
	AUTH_MAY_CHANGE = 2,   /* change mail: move, mark, add and remove messages and mailboxes */
	AUTH_MAY_SEND = 4,     /* send mail */
	AUTH_MAY_MANAGE = 8,   /* see and end sessions, change the password, make app passwords, let programs in */
	AUTH_MAY_ALL = 2 * AUTH_MAY_MANAGE - 1,
};
/** From words, separated by spaces or commas: "mail" (AUTH_MAY_READ and AUTH_MAY_CHANGE), "mail-read", "send". False: one of them is none, or there are none. */
bool auth_scopes_parse(struct slice words, unsigned *scopes);
enum { AUTH_SCOPES_TEXT_MAX = 64 };
/** Those words. */
const char *auth_scopes_text(unsigned scopes, char out[AUTH_SCOPES_TEXT_MAX]);

/** An account, as somebody has signed in to it. The identity names this account with this password: after a new password, after it
 * was disabled, and when an account of the same name was made anew it is another. Who signed in under a former one has no right
 * to anything any more. */
struct auth_account {
	struct slice name;
	int64_t identity;
	unsigned scopes;    /* of enum auth_scope */
	int64_t credential; /* the number of the app password, or grant, that was used (struct auth_credential); 0: the account's password was */
	/* Of a sign-in that was just answered, for auth_stands(): how much had been heard of changes when it was asked for, and when that was
	 * (monotonic ms). 0: not known. */
	uint64_t heard;
	int64_t asked_ms;
};

/** Who hears that an account's sign-ins have changed (main/bus.h), or that any may have, says so here, before he ends sessions. Any thread. */
void auth_note_change(struct auth *auth);

/** Does that sign-in still count? To be asked when a session has been entered where who hears of changes finds it: so no change falls
 * between. If nothing was heard since the sign-in was asked for, and that was just now, it is known without a question: what
 * is changed later will be heard. AUTH_UNKNOWN: can't be told now. */
enum auth_standing { AUTH_STANDS, AUTH_ENDED, AUTH_UNKNOWN, AUTH_STANDING_AWAITED };
enum auth_standing auth_stands(struct auth *auth, struct auth_wait *wait, const struct auth_account *account);

enum sign_in_status {
	SIGN_IN_DONE,      /* *account holds who; enter the session, then ask auth_stands() */
	SIGN_IN_CONTINUE,  /* send `output` as a challenge, come back with the answer */
	SIGN_IN_NOT_FOR_THAT, /* an app password, or a token, that was made for something else */
	SIGN_IN_REFUSED,   /* wrong name or password, or not allowed: one answer for all, nothing is enumerated */
	SIGN_IN_THROTTLED, /* too many failures lately from this address or for this account: say "later" */
	SIGN_IN_MALFORMED, /* broken exchange or unknown mechanism */
	SIGN_IN_TEMPORARY, /* can't be told now */
	SIGN_IN_AWAITED,
};

struct sign_in_client {
	const char *service;       /* "smtp", "imap", "pop3": the SASL service name */
	struct slice address;      /* of the peer, numeric, for throttling and the log */
	int64_t session;           /* for the log */
	bool encrypted;
	bool repeats;              /* it says who it is with every request: while the password is known to be right, that isn't written down again */
	struct slice tls_exporter; /* channel binding data (RFC 9266, 32 bytes) or empty */
	struct slice tls_unique;   /* RFC 5929, TLS 1.2 and below, or empty */
	bool binding_offered;      /* was -PLUS among the mechanisms that this client was told of? */
};

struct sign_in;                    /* one exchange; the caller's, free it with sign_in_end */
/** The mechanisms that are taken, space-separated ("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"): without TLS only what
 * the configuration allows there, -PLUS only if the connection can be bound. */
const char *auth_mechanisms(bool encrypted, bool plaintext_allowed, bool binding);
/** Those of them that are offered, so that each client finds one that it can do: SCRAM over TLS as far as the option scram_over_tls
 * says, and none while there are accounts without keys for it, whose clients would pick it in vain. Doesn't block. */
const char *auth_offered(struct auth *auth, bool encrypted, bool plaintext_allowed, bool binding, const char *scram_over_tls);
/** Is -PLUS among them, where the connection can be bound? For struct sign_in_client. */
bool auth_offers_binding(const char *scram_over_tls);
/** Starts an exchange with a mechanism name (any case). Nothing is asked of the auth role before the first step. */
struct sign_in *sign_in_begin(struct auth *auth, struct slice mechanism, const struct sign_in_client *client);
/** One step: `input` is the client's message, base64 removed (at the first step the initial response; has_input false:
 * none was given). `output` gets the next challenge (or the final server message that goes with DONE, to be sent as a
 * last challenge where the protocol has no room for data with success), without base64. *delay_ms: how long the answer must be
 * held back (conn_delay), whether it is right or wrong. */
enum sign_in_status sign_in_step(struct sign_in *exchange, struct auth_wait *wait, bool has_input, struct slice input, struct buf *output, struct auth_account *account, int *delay_ms);
/** Writes down that it ends since it was refused before the auth role was asked: auth_refused(). */
void sign_in_note(const struct sign_in *exchange, const char *reason);
/** Ends it, finished or not; wipes what it held. Sets *exchange to NULL. *account of the step lives until here. */
void sign_in_end(struct sign_in **exchange);

/** Writes down that a sign-in was refused before the auth role was asked anything: for want of TLS, or since it isn't how one is said.
 * `mechanism` "password" for USER, PASS and IMAP's LOGIN; `name` empty if none was said. Never a password. Doesn't block. */
void auth_refused(const struct sign_in_client *client, struct slice mechanism, struct slice name, const char *reason);

/** USER/PASS and IMAP LOGIN: name and password at once. *account is copied into `arena`. */
enum sign_in_status auth_check_password(struct auth *auth, struct auth_wait *wait, struct slice name, struct slice password, const struct sign_in_client *client,
					struct arena *arena, struct auth_account *account, int *delay_ms);

/** A token (RFC 6750) of OAuth, or an app password said as one: whose it is, it says itself. */
enum sign_in_status auth_check_token(struct auth *auth, struct auth_wait *wait, struct slice token, const struct sign_in_client *client, struct arena *arena,
				     struct auth_account *account, int *delay_ms);

#endif
