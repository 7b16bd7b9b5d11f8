/* sendmail(8)'s interface: its options, and what it makes of a letter. */
#ifndef CLI_SENDMAIL_H
#define CLI_SENDMAIL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "queue/queue.h"

enum { SENDMAIL_RECIPIENTS_MAX = 10000, SENDMAIL_LETTER_MAX = 256 * 1024 * 1024 /* in memory; the server takes fewer */ };

/** Where the server takes letters of programs, unless the environment's POMBAL_SENDMAIL names another path. */
#define SENDMAIL_SOCKET "/run/pombal/sendmail"

/** What was asked for, and who asks. */
struct cli_sendmail_job {
	struct arena *arena;
	struct slice sender;         /* reverse-path; empty: null */
	struct slice full_name;      /* for a From field that is missing */
	struct slice domain;         /* for addresses without one */
	struct slice hostname;
	const char *user;            /* login name of the caller */
	bool from_header;            /* -t: recipients from To, Cc and Bcc */
	bool handed_over;            /* to the server, which writes the Received field */
	bool dots;                   /* a line with only a dot ends the letter */
	size_t cut;                  /* bytes that stood behind the line with only a dot, unless they were blank */
	unsigned notify;
	struct slice *recipients;
	size_t recipient_count;
};

/** Adds a recipient as it was typed or stands in a field; what is there already isn't added again. */
bool cli_sendmail_add_recipient(struct cli_sendmail_job *job, struct slice text, struct error *error);
/** An address with job->domain, where it has none. */
struct slice cli_sendmail_qualify(const struct cli_sendmail_job *job, struct slice text);
/** Reads a letter as programs write them (any line ends, perhaps a "From " line first) and appends it as it goes into the
 * queue: CRLF, without Bcc, with Received, From, Date and Message-ID. With job->from_header its recipients are added. Sets job->cut. A
 * letter with a NUL is refused. */
bool cli_sendmail_make_letter(struct cli_sendmail_job *job, int64_t id, struct slice raw, struct buf *out, struct slice *message_id, struct error *error);

typedef bool sendmail_make(struct cli_sendmail_job *job, void *context, struct buf *letter, struct error *error);
/** Hands a letter to the running server: learns who we are to it (job->user, domain, hostname), has the rest of the job and the letter
 * made, and sends it. ERROR_TEMPORARY: it may work later. */
bool cli_sendmail_hand_over(struct cli_sendmail_job *job, sendmail_make *make, void *context, struct error *error);

#endif
