/* How much speaks for a message being spam: one table of rules (rules.def), each with points; what is known of a message in, the rules that hold and
 * their sum out. Pure: what has to be asked (authentication, lists, reputations, what was learned) is the caller's to find out.
 *
 * Points are in hundredths, so that sums are exact. */
#ifndef SCORE_H
#define SCORE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "message/shown.h"

enum score_rule {
#define RULE(NAME, points, english, russian, portuguese) SCORE_##NAME,
#include "score/rules.def"
#undef RULE
	SCORE_RULES,
};

enum score_language { SCORE_ENGLISH, SCORE_RUSSIAN, SCORE_PORTUGUESE, SCORE_LANGUAGES };
/** "ru", "pt-BR", "en_GB.UTF-8": English for all others. */
enum score_language score_language(struct slice name);

const char *score_rule_name(enum score_rule rule);
const char *score_rule_text(enum score_rule rule, enum score_language language);

/* ---- what is known ---- */

enum score_answer { SCORE_UNKNOWN, SCORE_NONE, SCORE_PASS, SCORE_SOFTFAIL, SCORE_FAIL };

/** What was found out about where it comes from. All zero: nothing was asked, and no rule of it holds. */
struct score_origin {
	enum score_answer spf, dkim, dmarc;       /* NONE: asked, and there is none; errors are UNKNOWN */
	enum { SCORE_POLICY_NONE, SCORE_POLICY_QUARANTINE, SCORE_POLICY_REJECT } policy; /* of a DMARC that fails: what the domain wants */
	bool arc_trusted;
	enum score_answer reverse_name, helo;     /* FAIL: it has none; it isn't its own */
	bool known_correspondent, first_contact;
	unsigned domain_days;                     /* since the sender's domain was seen first; 0: not known */
	int reputation;                           /* of network and domain, from -100 (bad) to 100 (good); 0: not known */
	int listed, welcomed;                     /* points of lists that name it: listed ≥ 0, welcomed ≤ 0 */
};

struct score_facts {
	struct slice message;
	const struct mime_part *root;   /* of mime_parse() */
	const struct shown *shown;      /* of shown_read() */
	int64_t now;                    /* seconds since 1970, when it arrived; 0: what its topmost Received says */
	struct score_origin origin;
	double bayes;                   /* the probability that it is spam, by what was learned; below 0: not known */
};

/* ---- what is done ---- */

enum score_verdict { SCORE_INBOX, SCORE_TAG, SCORE_JUNK, SCORE_QUARANTINE, SCORE_REJECT, SCORE_VERDICTS };
/** "inbox", "tag", … */
const char *score_verdict_name(enum score_verdict verdict);

enum { SCORE_POINTS_MAX = 100000, SCORE_NEVER = 1000000001 /* more points than anything has */ };
struct score_settings {
	int threshold[SCORE_VERDICTS]; /* from so many points on, SCORE_NEVER at most; of INBOX without meaning */
	int points[SCORE_RULES];
};
/** As rules.def has them; thresholds 3, 5, 10 and 15 points. */
void score_settings_default(struct score_settings *settings);
/** "4.5", "-0.25": at most two digits behind the point, at most SCORE_POINTS_MAX. */
bool score_parse_points(struct slice text, int *points);
/** Sets a rule's points: "HTML_ONLY 0.3". False with *error. */
bool score_settings_rule(struct score_settings *settings, struct slice text, struct error *error);
/** Sets the threshold of a verdict. */
bool score_settings_threshold(struct score_settings *settings, enum score_verdict verdict, struct slice text, struct error *error);

struct score_hit {
	enum score_rule rule;
	int points;
};

struct score_result {
	struct score_hit hits[SCORE_RULES];
	size_t count;
	int total;
	enum score_verdict verdict;
};

/** The points of the rule about what was learned: of a probability that it is spam; below 0: not known, and none. */
int score_learned_points(const struct score_settings *settings, double probability);
/** What a sum of points leads to. */
enum score_verdict score_verdict_of(const struct score_settings *settings, int total);
/** Finds the rules that hold, in the order of the table; a rule of 0 points is left out. Linear in the message. */
void score_evaluate(const struct score_facts *facts, const struct score_settings *settings, struct arena *arena, struct score_result *result);

/** The part of a domain that somebody has registered, near enough: the last two labels, three under "co.uk" and the like. */
struct slice score_registered(struct slice domain);

/* ---- how it is told ---- */

/** Appends points as "4.5" or "-0.25". */
void score_write_points(struct buf *out, int points);
/** The names of the rules that hold, result->count of them, in `arena`. */
const struct slice *score_result_tests(const struct score_result *result, struct arena *arena);
/** Appends the fields X-Spam-Flag (of junk), X-Spam-Level and X-Spam-Status as SpamAssassin writes them, with CR LF. `tests`: the names of what
 * holds, the score's rules or others'. */
void score_write_fields(struct buf *out, const struct score_settings *settings, int total, const struct slice *tests, size_t count);
/** Something that was found of a message, by the score or by others (policy/record.h). */
struct score_found {
	struct slice name;
	int points;
	struct slice detail; /* may be empty */
	const char *text;    /* what it means; "": nobody knows */
};
/** What became of a message that a verdict doesn't say. */
enum score_fate { SCORE_FATE_DEFERRED = SCORE_VERDICTS, SCORE_FATE_UNCHECKED, SCORE_FATE_HELD, SCORE_FATE_SENT, SCORE_FATES };
/** Appends lines for a person about what was written down of a message: as score_explain(). `total`: the points of all that was found, also of what
 * isn't in the list; `done`: a verdict, or a fate; `reason`: what led there other than points, empty if they did. */
void score_explain_found(struct buf *out, const struct score_settings *settings, const struct score_found *list, size_t count, int total, unsigned done, struct slice reason,
			 enum score_language language);
/** Appends lines for a person: the sum and what it leads to, each rule with its points, and the smallest change that would have turned the verdict. */
void score_explain(struct buf *out, const struct score_settings *settings, const struct score_result *result, enum score_language language);

#endif
