/* Robinson's estimate of each token, the strongest combined by Fisher's method: how improbable it is that a message without any leaning has
 * tokens that lean so much to the one side, and to the other. */
#include "classify/internal.h"

#include <math.h>

/* Found by trying on a part of what was learned from (bench/spam). */
static const double assumed_strength = 0.2;  /* a token that wasn't met yet counts as if met so many times … */
static const double assumed_probability = 0.5; /* … in as much good mail as bad */
static const double unseen = 1.5;            /* each kind is taken to have had every token in a share of its messages that makes so many of both */
static const double least_deviation = 0.2;   /* from 0.5: tokens that say less say nothing */
static const double unsure_within = 0.05;    /* of 0.5 */
enum { OWN_WEIGHT_MAX = 20, CLUES_LEAST = 5 };

struct candidate {
	double strength, probability;
	const struct classify_token *token;
};

struct selection {
	struct candidate at[CLASSIFY_CLUES_MAX]; /* a heap: the weakest first */
	size_t count;
};

/* What both stores say together. An own message weighs more, but own mail altogether no more than all others'. */
struct sources {
	const struct classify_store *shared, *own;
	double own_weight, spam, ham;
};

static struct sources weigh(const struct classify_store *shared, const struct classify_store *own, struct classify_verdict *verdict)
{
	struct classify_counts all = {0}, mine = {0};
	if (shared)
		all = classify_store_learned(shared);
	if (own)
		mine = classify_store_learned(own);
	double weight = 1, total = (double)mine.spam + mine.ham;
	if (total > 0)
		weight = fmax(1, fmin(OWN_WEIGHT_MAX, ((double)all.spam + all.ham) / total));
	verdict->spam = all.spam + mine.spam;
	verdict->ham = all.ham + mine.ham;
	return (struct sources){shared, own, weight, all.spam + weight * mine.spam, all.ham + weight * mine.ham};
}

static double probability_of(const struct sources *sources, uint64_t hash)
{
	struct classify_counts all = {0}, mine = {0};
	if (sources->shared)
		all = classify_store_counts(sources->shared, hash);
	if (sources->own)
		mine = classify_store_counts(sources->own, hash);
	double spam = all.spam + sources->own_weight * mine.spam, ham = all.ham + sources->own_weight * mine.ham, met = spam + ham;
	if (met <= 0)
		return assumed_probability;
	double usual = unseen / (sources->spam + sources->ham);
	double in_spam = fmin(1, spam / fmax(1, sources->spam)) + usual, in_ham = fmin(1, ham / fmax(1, sources->ham)) + usual;
	return (assumed_strength * assumed_probability + met * (in_spam / (in_spam + in_ham))) / (assumed_strength + met);
}

/* ---- the strongest ---- */

static void sift_down(struct selection *selection, size_t i)
{
	for (;;) {
		size_t least = i;
		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < selection->count; child++)
			if (selection->at[child].strength < selection->at[least].strength)
				least = child;
		if (least == i)
			return;
		struct candidate moved = selection->at[i];
		selection->at[i] = selection->at[least];
		selection->at[least] = moved;
		i = least;
	}
}

static void sift_up(struct selection *selection, size_t i)
{
	for (; i > 0 && selection->at[i].strength < selection->at[(i - 1) / 2].strength; i = (i - 1) / 2) {
		struct candidate moved = selection->at[i];
		selection->at[i] = selection->at[(i - 1) / 2];
		selection->at[(i - 1) / 2] = moved;
	}
}

static void consider(struct selection *selection, struct candidate candidate)
{
	if (candidate.strength < least_deviation)
		return;
	if (selection->count < CLASSIFY_CLUES_MAX) {
		selection->at[selection->count] = candidate;
		sift_up(selection, selection->count++);
	} else if (candidate.strength > selection->at[0].strength) {
		selection->at[0] = candidate;
		sift_down(selection, 0);
	}
}

static void select_tokens(const struct sources *sources, const struct classify_tokens *tokens, struct selection *selection)
{
	enum { AHEAD = 16 };
	for (size_t i = 0; i < tokens->count; i++) {
		uint64_t ahead = tokens->at[i + AHEAD < tokens->count ? i + AHEAD : i].hash;
		if (sources->shared)
			classify_store_prefetch(sources->shared, ahead);
		double probability = probability_of(sources, tokens->at[i].hash);
		consider(selection, (struct candidate){fabs(probability - 0.5), probability, &tokens->at[i]});
	}
}

/* ---- combining ---- */

/* The probability that chi-square with 2n degrees of freedom is at least 2m: the sum of e^-m m^i / i! for i below n. In logarithms, since
 * e^-m is often too small for a number. */
static double chi_square(double m, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += exp((m > 0 && i > 0 ? (double)i * log(m) : 0) - m - lgamma((double)i + 1));
	return fmin(1, sum);
}

static double combine(const struct selection *selection)
{
	double spam = 0, ham = 0;
	for (size_t i = 0; i < selection->count; i++) {
		spam -= log(1 - selection->at[i].probability);
		ham -= log(selection->at[i].probability);
	}
	double not_spam = chi_square(spam, selection->count), not_ham = chi_square(ham, selection->count);
	return (1 + not_ham - not_spam) / 2;
}

static int by_strength(const void *a, const void *b)
{
	const struct candidate *first = a, *second = b;
	return first->strength < second->strength ? 1 : first->strength > second->strength ? -1 : 0;
}

static void tell_clues(struct selection *selection, struct classify_verdict *verdict)
{
	qsort(selection->at, selection->count, sizeof *selection->at, by_strength);
	for (size_t i = 0; i < selection->count && i < CLASSIFY_SHOWN_MAX; i++)
		verdict->clues[verdict->clue_count++] = (struct classify_clue){selection->at[i].token->text, selection->at[i].probability};
}

void classify_judge(const struct classify_store *shared, const struct classify_store *own, const struct classify_tokens *tokens,
		    struct classify_verdict *verdict)
{
	struct selection selection = {.count = 0};
	*verdict = (struct classify_verdict){.probability = 0.5, .unsure = true};
	struct sources sources = weigh(shared, own, verdict);
	if (verdict->spam < CLASSIFY_LEARNED_LEAST || verdict->ham < CLASSIFY_LEARNED_LEAST)
		return;
	select_tokens(&sources, tokens, &selection);
	verdict->used = selection.count;
	verdict->probability = selection.count > 0 ? combine(&selection) : 0.5;
	verdict->unsure = selection.count < CLUES_LEAST || fabs(verdict->probability - 0.5) < unsure_within;
	tell_clues(&selection, verdict);
}
