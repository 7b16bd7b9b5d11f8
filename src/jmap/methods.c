/* The table of methods, and that of types: the only lists of them. */
#include "jmap/blob.h"
#include "jmap/identity.h"
#include "jmap/mdn.h"
#include "jmap/contact.h"
#include "jmap/quota.h"
#include "jmap/mail.h"
#include "jmap/push_internal.h"
#include "jmap/quarantine.h"
#include "jmap/recovery.h"
#include "jmap/spelling.h"
#include "jmap/story.h"
#include "jmap/submission.h"
#include "jmap/vacation.h"

/* Core/echo (RFC 8620 §4). */
static enum net_run core_echo(struct jmap_call *call)
{
	jmap_respond(call, "Core/echo", json_incref(call->arguments));
	return RUN_DONE;
}

const struct jmap_method jmap_methods[] = {
	{"Core/echo", JMAP_CORE, 0, core_echo},
	{"PushSubscription/get", JMAP_CORE, 0, jmap_push_get},
	{"PushSubscription/set", JMAP_CORE, 0, jmap_push_set},
	{"Blob/copy", JMAP_CORE, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_blob_copy},
	{"Blob/upload", JMAP_BLOB, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_blob_upload},
	{"Blob/get", JMAP_BLOB, JMAP_OF_ACCOUNT, jmap_blob_get},
	{"Blob/lookup", JMAP_BLOB, JMAP_OF_ACCOUNT, jmap_blob_lookup},
	{"Quota/get", JMAP_QUOTA, JMAP_OF_ACCOUNT, jmap_quota_get},
	{"Quota/changes", JMAP_QUOTA, JMAP_OF_ACCOUNT, jmap_quota_changes},
	{"Quota/query", JMAP_QUOTA, JMAP_OF_ACCOUNT, jmap_quota_query},
	{"Quota/queryChanges", JMAP_QUOTA, JMAP_OF_ACCOUNT, jmap_quota_query_changes},
	{"Mailbox/get", JMAP_MAIL, JMAP_OF_ACCOUNT, jmap_mailbox_get},
	{"Mailbox/changes", JMAP_MAIL, JMAP_OF_ACCOUNT, jmap_mailbox_changes},
	{"Mailbox/query", JMAP_MAIL, JMAP_OF_ACCOUNT, jmap_mailbox_query},
	{"Mailbox/queryChanges", JMAP_MAIL, JMAP_OF_ACCOUNT, jmap_mailbox_query_changes},
	{"Mailbox/set", JMAP_MAIL, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_mailbox_set},
	{"Thread/get", JMAP_MAIL, JMAP_OF_ACCOUNT, jmap_thread_get},
	{"Thread/changes", JMAP_MAIL, JMAP_OF_ACCOUNT, jmap_thread_changes},
	{"Email/get", JMAP_MAIL, JMAP_OF_ACCOUNT, jmap_email_get},
	{"Email/changes", JMAP_MAIL, JMAP_OF_ACCOUNT, jmap_email_changes},
	{"Email/query", JMAP_MAIL, JMAP_OF_ACCOUNT, jmap_email_query},
	{"Email/queryChanges", JMAP_MAIL, JMAP_OF_ACCOUNT, jmap_email_query_changes},
	{"Email/set", JMAP_MAIL, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_email_set},
	{"Email/copy", JMAP_MAIL, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_copy_from_nowhere},
	{"Email/import", JMAP_MAIL, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_email_import},
	{"Email/parse", JMAP_MAIL, JMAP_OF_ACCOUNT, jmap_email_parse},
	{"RecoverableEmail/query", JMAP_RECOVERY, JMAP_OF_ACCOUNT, jmap_recovery_query},
	{"RecoverableEmail/get", JMAP_RECOVERY, JMAP_OF_ACCOUNT, jmap_recovery_get},
	{"RecoverableEmail/restore", JMAP_RECOVERY, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_recovery_restore},
	{"QuarantinedEmail/query", JMAP_QUARANTINE, JMAP_OF_ACCOUNT, jmap_quarantine_query},
	{"QuarantinedEmail/get", JMAP_QUARANTINE, JMAP_OF_ACCOUNT, jmap_quarantine_get},
	{"QuarantinedEmail/release", JMAP_QUARANTINE, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_quarantine_release},
	{"QuarantinedEmail/set", JMAP_QUARANTINE, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_quarantine_set},
	{"EmailStory/get", JMAP_STORY, JMAP_OF_ACCOUNT, jmap_story_get},
	{"Spelling/check", JMAP_SPELLING, JMAP_OF_ACCOUNT, jmap_spelling_check},
	{"Spelling/words", JMAP_SPELLING, JMAP_OF_ACCOUNT, jmap_spelling_words},
	{"Spelling/learn", JMAP_SPELLING, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_spelling_learn},
	{"SearchSnippet/get", JMAP_MAIL, JMAP_OF_ACCOUNT, jmap_snippet_get},
	{"Identity/get", JMAP_SUBMISSION, JMAP_OF_ACCOUNT, jmap_identity_get},
	{"Identity/changes", JMAP_SUBMISSION, JMAP_OF_ACCOUNT, jmap_identity_changes},
	{"Identity/set", JMAP_SUBMISSION, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_identity_set},
	{"EmailSubmission/get", JMAP_SUBMISSION, JMAP_OF_ACCOUNT, jmap_submission_get},
	{"EmailSubmission/changes", JMAP_SUBMISSION, JMAP_OF_ACCOUNT, jmap_submission_changes},
	{"EmailSubmission/query", JMAP_SUBMISSION, JMAP_OF_ACCOUNT, jmap_submission_query},
	{"EmailSubmission/queryChanges", JMAP_SUBMISSION, JMAP_OF_ACCOUNT, jmap_submission_query_changes},
	{"EmailSubmission/set", JMAP_SUBMISSION, JMAP_OF_ACCOUNT | JMAP_CHANGES | JMAP_SENDS, jmap_submission_set},
	{"MDN/send", JMAP_MDN, JMAP_OF_ACCOUNT | JMAP_CHANGES | JMAP_SENDS, jmap_mdn_send},
	{"MDN/parse", JMAP_MDN, JMAP_OF_ACCOUNT, jmap_mdn_parse},
	{"VacationResponse/get", JMAP_VACATION, JMAP_OF_ACCOUNT, jmap_vacation_get},
	{"VacationResponse/set", JMAP_VACATION, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_vacation_set},
	{"AddressBook/get", JMAP_CONTACTS, JMAP_OF_ACCOUNT, jmap_book_get},
	{"AddressBook/changes", JMAP_CONTACTS, JMAP_OF_ACCOUNT, jmap_book_changes},
	{"AddressBook/set", JMAP_CONTACTS, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_book_set},
	{"ContactCard/get", JMAP_CONTACTS, JMAP_OF_ACCOUNT, jmap_card_get},
	{"ContactCard/changes", JMAP_CONTACTS, JMAP_OF_ACCOUNT, jmap_card_changes},
	{"ContactCard/query", JMAP_CONTACTS, JMAP_OF_ACCOUNT, jmap_card_query},
	{"ContactCard/queryChanges", JMAP_CONTACTS, JMAP_OF_ACCOUNT, jmap_card_query_changes},
	{"ContactCard/set", JMAP_CONTACTS, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_card_set},
	{"ContactCard/copy", JMAP_CONTACTS, JMAP_OF_ACCOUNT | JMAP_CHANGES, jmap_copy_from_nowhere},
};
const size_t jmap_method_count = sizeof jmap_methods / sizeof *jmap_methods;

const struct jmap_type *const jmap_types[] = {
	&jmap_quota_type,
	&jmap_mailbox_type, &jmap_thread_type, &jmap_email_type, &jmap_email_delivery_type,
	&jmap_identity_type,
	&jmap_submission_type,
	&jmap_vacation_type,
	&jmap_book_type, &jmap_card_type,
};
const size_t jmap_type_count = sizeof jmap_types / sizeof *jmap_types;
