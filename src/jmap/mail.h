/* Mailboxes, threads and emails (RFC 8621 §2-5): their types, and the methods of the table in methods.c. */
#ifndef JMAP_MAIL_H
#define JMAP_MAIL_H

#include "jmap/blob.h"
#include "jmap/email.h"

extern const struct jmap_type jmap_mailbox_type, jmap_thread_type, jmap_email_type, jmap_email_delivery_type;

enum net_run jmap_mailbox_get(struct jmap_call *call);
enum net_run jmap_mailbox_changes(struct jmap_call *call);
enum net_run jmap_mailbox_query(struct jmap_call *call);
enum net_run jmap_mailbox_query_changes(struct jmap_call *call);
enum net_run jmap_mailbox_set(struct jmap_call *call);
enum net_run jmap_thread_get(struct jmap_call *call);
enum net_run jmap_thread_changes(struct jmap_call *call);
enum net_run jmap_email_get(struct jmap_call *call);
enum net_run jmap_email_changes(struct jmap_call *call);
enum net_run jmap_email_query(struct jmap_call *call);
enum net_run jmap_email_query_changes(struct jmap_call *call);
enum net_run jmap_email_set(struct jmap_call *call);
enum net_run jmap_email_import(struct jmap_call *call);
enum net_run jmap_email_parse(struct jmap_call *call);
enum net_run jmap_snippet_get(struct jmap_call *call);

/** What Emails can be sorted by (RFC 8621 §4.4.2), NULL at the end. */
extern const char *const jmap_email_sort_options[];
/** What is announced of mail (RFC 8621 §1.3.1). */
json_t *jmap_mail_about(const struct jmap_request *request);

enum { JMAP_MAILBOX_LEVEL_MAX = 255, /* bytes of a mailbox's name, without those above it (maxSizeMailboxName) */
	JMAP_CHANGES_READ_MAX = 10000, /* changes that queryChanges looks at; beyond, a client asks anew */ };

/* ---- what several of them need ---- */

/** The state of a type out of the account's: as text. */
enum jmap_state_of { STATE_OF_MAILBOXES, STATE_OF_THREADS, STATE_OF_EMAILS };
void jmap_state_write(const struct account_states *states, enum jmap_state_of of, char out[JMAP_STATE_MAX + 1]);

/** /changes out of one of the store's functions. */
typedef bool jmap_changes_reader(struct account *account, const struct changes_point *since, size_t max, struct arena *arena, struct changes *changes, struct error *error);
/** Answers; `further` (may be NULL) says what the response has beyond. */
void jmap_changes_run(struct jmap_call *call, jmap_changes_reader *read, char kind, json_t *(*further)(const struct changes *changes));
/** All ids that have changed since the point of the text, ascending, none twice; false, having answered with cannotCalculateChanges, if that can't be said. */
bool jmap_changed_since(struct jmap_call *call, jmap_changes_reader *read, struct slice since, int64_t **ids, size_t *count);
/** The same of several lists. Sorts `ids` and leaves out what is there twice. */
size_t jmap_ids_sort(int64_t *ids, size_t count);
bool jmap_ids_have(const int64_t *sorted, size_t count, int64_t id);

/** The ids of an array, 0 for what is none, in the call's arena. */
int64_t *jmap_ids_read(struct jmap_call *call, const json_t *ids, char kind);

/** An Email object out of what the store says and, if wanted, its message. NULL: *error says why. */
json_t *jmap_email_object(struct jmap_call *call, const struct jmap_email_wanted *wanted, const struct email *email, struct error *error);

/** The flags and keywords of a JSON object of keywords (RFC 8621 §4.1.1). False: one is none. `keywords` in arena. */
bool jmap_keywords_read(const json_t *object, struct arena *arena, unsigned *flags, struct slice *keywords);
/** One of them. */
bool jmap_keyword_read(struct slice name, unsigned *flag, bool *is_flag);
/** The mailboxes of a JSON object of ids, each true. False: one is no id. */
bool jmap_mailbox_ids_read(struct jmap_call *call, const json_t *object, int64_t **ids, size_t *count);

/** What text conditions of an Email filter look for, for snippets. */
void jmap_filter_texts(const json_t *filter, struct search_text *list, size_t *count, size_t max);
/** Is it a filter that Email/query knows? False: answered. */
bool jmap_email_filter_check(struct jmap_call *call, json_t *filter);

#endif
