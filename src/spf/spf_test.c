/* What a policy says about a client: a zone as a table, and the verdicts that must come of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "spf/spf.h"

enum { ROUNDS_MAX = 60, RECORDS_MAX = 40, FAILS = LOOKUP_TYPES /* for a row of a zone: nobody answers */ };

struct row {
	const char *name;
	int type;
	const char *value; /* TXT, MX and PTR: text; A and AAAA: an address */
};

static const struct row zone[] = {
	{"plain.test", LOOKUP_TXT, "v=spf1 ip4:192.0.2.1 -all"},
	{"soft.test", LOOKUP_TXT, "v=spf1 ip4:192.0.2.1 ~all"},
	{"ask.test", LOOKUP_TXT, "v=spf1 ip4:192.0.2.1 ?all"},
	{"bare.test", LOOKUP_TXT, "v=spf1"},
	{"upper.test", LOOKUP_TXT, "V=SPF1 IP4:192.0.2.1 -ALL"},
	{"spaces.test", LOOKUP_TXT, "v=spf1   ip4:192.0.2.1    -all  "},
	{"other.test", LOOKUP_TXT, "v=spf10 -all"}, {"other.test", LOOKUP_TXT, "something else \x96"},
	{"among.test", LOOKUP_TXT, "\x96"}, {"among.test", LOOKUP_TXT, "v=spf1 -all"},
	{"twice.test", LOOKUP_TXT, "v=spf1 -all"}, {"twice.test", LOOKUP_TXT, "v=SPF1 +all"},
	{"dead.test", FAILS, ""},
	{"nothing.test", LOOKUP_A, "192.0.2.9"},
	{"xn--mller-kva.test", LOOKUP_TXT, "v=spf1 ip4:192.0.2.1 -all"},
	{"a.b-c_d.test", LOOKUP_TXT, "v=spf1 +all"},
	/* Mechanisms. */
	{"a.test", LOOKUP_TXT, "v=spf1 a -all"}, {"a.test", LOOKUP_A, "192.0.2.1"}, {"a.test", LOOKUP_A, "192.0.2.2"}, {"a.test", LOOKUP_AAAA, "2001:db8::1"},
	{"anet.test", LOOKUP_TXT, "v=spf1 a/24//64 -all"}, {"anet.test", LOOKUP_A, "198.51.100.7"}, {"anet.test", LOOKUP_AAAA, "2001:db8:0:5::1"},
	{"azero.test", LOOKUP_TXT, "v=spf1 a/0 -all"}, {"azero.test", LOOKUP_A, "198.51.100.7"}, {"azero.test", LOOKUP_AAAA, "2001:db8::7"},
	{"aodd.test", LOOKUP_TXT, "v=spf1 a:b:c/d.odd.test/32 -all"}, {"b:c/d.odd.test", LOOKUP_A, "192.0.2.1"},
	{"mx.test", LOOKUP_TXT, "v=spf1 mx -all"}, {"mx.test", LOOKUP_MX, "a.test"}, {"mx.test", LOOKUP_MX, "nowhere.test"},
	{"nullmx.test", LOOKUP_TXT, "v=spf1 mx"}, {"nullmx.test", LOOKUP_MX, ""},
	{"nomx.test", LOOKUP_TXT, "v=spf1 mx -all"}, {"nomx.test", LOOKUP_A, "192.0.2.1"},
	{"ptr.test", LOOKUP_TXT, "v=spf1 ptr:ptr.test -all"}, {"host.PTR.test", LOOKUP_A, "192.0.2.1"}, {"liar.ptr.test", LOOKUP_A, "192.0.2.77"},
	{"1.2.0.192.in-addr.arpa", LOOKUP_PTR, "dead.test"}, {"1.2.0.192.in-addr.arpa", LOOKUP_PTR, "host.ptr.test"},
	{"3.2.0.192.in-addr.arpa", LOOKUP_PTR, "liar.ptr.test"}, {"3.2.0.192.in-addr.arpa", LOOKUP_PTR, "notptr.test"}, {"notptr.test", LOOKUP_A, "192.0.2.3"},
	{"4.2.0.192.in-addr.arpa", FAILS, ""},
	{"ip6.test", LOOKUP_TXT, "v=spf1 ip6:2001:DB8::/33 -all"},
	{"mapped.test", LOOKUP_TXT, "v=spf1 -ip6:::ffff:192.0.2.1 ip4:192.0.2.1 ?all"},
	{"zero.test", LOOKUP_TXT, "v=spf1 ip4:0.0.0.0/0 -all"},
	{"exists.test", LOOKUP_TXT, "v=spf1 exists:%{i}.here.test -all"}, {"192.0.2.1.here.test", LOOKUP_A, "127.0.0.2"},
	{"exists6.test", LOOKUP_TXT, "v=spf1 exists:a6.test -all"}, {"a6.test", LOOKUP_AAAA, "2001:db8::1"},
	{"existsdead.test", LOOKUP_TXT, "v=spf1 exists:dead.test -all"},
	/* include and redirect. */
	{"inc.test", LOOKUP_TXT, "v=spf1 include:plain.test include:soft.test ~all"},
	{"incno.test", LOOKUP_TXT, "v=spf1 -include:ask.test +all"},
	{"incnone.test", LOOKUP_TXT, "v=spf1 include:nothing.test -all"},
	{"incdead.test", LOOKUP_TXT, "v=spf1 include:dead.test -all"},
	{"incbad.test", LOOKUP_TXT, "v=spf1 include:bad1.test -all"},
	{"red.test", LOOKUP_TXT, "v=spf1 redirect=plain.test ip4:192.0.2.8 exp=words.test"},
	{"rednone.test", LOOKUP_TXT, "v=spf1 redirect=nothing.test"},
	{"redall.test", LOOKUP_TXT, "v=spf1 redirect=nothing.test ~all"},
	{"redself.test", LOOKUP_TXT, "v=spf1 redirect=redself.test"},
	{"inca.test", LOOKUP_TXT, "v=spf1 include:incb.test"}, {"incb.test", LOOKUP_TXT, "v=spf1 include:inca.test"},
	{"reda.test", LOOKUP_TXT, "v=spf1 redirect=implicit.test"}, {"implicit.test", LOOKUP_TXT, "v=spf1 a -all"}, {"implicit.test", LOOKUP_A, "192.0.2.1"},
	/* What isn't a record, anywhere in it. */
	{"bad1.test", LOOKUP_TXT, "v=spf1 ip4:192.0.2.1 moo"}, {"bad2.test", LOOKUP_TXT, "v=spf1 ip4:192.0.2.1/33"}, {"bad3.test", LOOKUP_TXT, "v=spf1 ip4:192.0.2.1/032"},
	{"bad4.test", LOOKUP_TXT, "v=spf1 ip4:192.0.2"}, {"bad5.test", LOOKUP_TXT, "v=spf1 ip4:192.0.2.1:25"}, {"bad6.test", LOOKUP_TXT, "v=spf1 ip6::1::2"},
	{"bad7.test", LOOKUP_TXT, "v=spf1 all:x"}, {"bad8.test", LOOKUP_TXT, "v=spf1 -all."}, {"bad9.test", LOOKUP_TXT, "v=spf1 include"},
	{"bad10.test", LOOKUP_TXT, "v=spf1 a:"}, {"bad11.test", LOOKUP_TXT, "v=spf1 a:museum"}, {"bad12.test", LOOKUP_TXT, "v=spf1 a:192.0.2.1"},
	{"bad13.test", LOOKUP_TXT, "v=spf1 a:x.test:25"}, {"bad14.test", LOOKUP_TXT, "v=spf1 a:x.-test"}, {"bad15.test", LOOKUP_TXT, "v=spf1 a/24/64"},
	{"bad16.test", LOOKUP_TXT, "v=spf1 ptr/0"}, {"bad17.test", LOOKUP_TXT, "v=spf1 redirect:plain.test"}, {"bad18.test", LOOKUP_TXT, "v=spf1 redirect=plain.test redirect=plain.test"},
	{"bad19.test", LOOKUP_TXT, "v=spf1 exp= -all"}, {"bad20.test", LOOKUP_TXT, "v=spf1 exp=a.test exp=a.test -all"}, {"bad21.test", LOOKUP_TXT, "v=spf1 1x=y"},
	{"bad22.test", LOOKUP_TXT, "v=spf1 x=%y"}, {"bad23.test", LOOKUP_TXT, "v=spf1 exists:%{x}.test"}, {"bad24.test", LOOKUP_TXT, "v=spf1 exists:%{c}.test"},
	{"bad25.test", LOOKUP_TXT, "v=spf1 exists:%{d0}.test"}, {"bad26.test", LOOKUP_TXT, "v=spf1 exists:%(d).test"}, {"bad27.test", LOOKUP_TXT, "v=spf1 a:x.test\rptr -all"},
	{"bad28.test", LOOKUP_TXT, "v=spf1 a:\xc3\xa9.test -all"}, {"bad29.test", LOOKUP_TXT, "v=spf1 exists:%{d}.test%"}, {"bad30.test", LOOKUP_TXT, "v=spf1 a//129"},
	{"mod.test", LOOKUP_TXT, "v=spf1 moo.cow-far_out=man:dog/cat default=pass ip4:192.0.2.1 -all"},
	/* Macros. */
	{"macro1.test", LOOKUP_TXT, "v=spf1 exists:%{l1r-}.%{o2}.%{v}.x.test -all"}, {"first.macro1.test.in-addr.x.test", LOOKUP_A, "127.0.0.2"},
	{"macro2.test", LOOKUP_TXT, "v=spf1 exists:%{l2r+-}.y.test -all"}, {"two.one.y.test", LOOKUP_A, "127.0.0.2"},
	{"macro8.test", LOOKUP_TXT, "v=spf1 exists:%{d99999999999999999999}.h.test -all"}, {"macro8.test.h.test", LOOKUP_A, "127.0.0.2"},
	{"macro3.test", LOOKUP_TXT, "v=spf1 a:%{h}.z.test -all"}, {"mail.client.test.z.test", LOOKUP_A, "192.0.2.1"},
	{"macro4.test", LOOKUP_TXT, "v=spf1 a:x%%y%_%_z%-.w.test -all"}, {"x%y  z%20.w.test", LOOKUP_A, "192.0.2.1"},
	{"macro5.test", LOOKUP_TXT, "v=spf1 exists:%{p}.p.test -all"}, {"host.ptr.test.p.test", LOOKUP_A, "127.0.0.2"}, {"unknown.p.test", LOOKUP_A, "127.0.0.2"},
	{"macro6.test", LOOKUP_TXT, "v=spf1 exists:%{s}.s.test exists:ok.s.test -all"}, {"ok.s.test", LOOKUP_A, "127.0.0.2"}, {"joe@macro6.test.s.test", LOOKUP_A, "127.0.0.2"},
	{"macro7.test", LOOKUP_TXT, "v=spf1 exists:%{ir}.%{v}.six.test -all"},
	{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.six.test", LOOKUP_A, "127.0.0.2"},
	/* Limits: ten terms, two void ones, ten MX, ten PTR. */
	{"ten.test", LOOKUP_TXT, "v=spf1 a a a a a a a a a a ip4:192.0.2.1 -all"}, {"ten.test", LOOKUP_A, "198.51.100.1"},
	{"eleven.test", LOOKUP_TXT, "v=spf1 a a a a a a a a a a a ip4:192.0.2.1 -all"}, {"eleven.test", LOOKUP_A, "198.51.100.1"},
	{"tenin.test", LOOKUP_TXT, "v=spf1 include:nine.test ip4:192.0.2.1 -all"}, {"nine.test", LOOKUP_TXT, "v=spf1 a a a a a a a a a"}, {"nine.test", LOOKUP_A, "198.51.100.1"},
	{"elevenin.test", LOOKUP_TXT, "v=spf1 include:nine.test a ip4:192.0.2.1 -all"},
	{"void2.test", LOOKUP_TXT, "v=spf1 a:no1.test a:no2.test ip4:192.0.2.1 -all"},
	{"void3.test", LOOKUP_TXT, "v=spf1 a:no1.test exists:no2.test mx:no3.test ip4:192.0.2.1 -all"},
	{"voidodd.test", LOOKUP_TXT, "v=spf1 a:a..test a:b..test a:c..test ip4:192.0.2.1 -all"},
	{"mx11.test", LOOKUP_TXT, "v=spf1 mx -all"}, {"mx11.test", LOOKUP_MX, "1.mx"}, {"mx11.test", LOOKUP_MX, "2.mx"}, {"mx11.test", LOOKUP_MX, "3.mx"},
	{"mx11.test", LOOKUP_MX, "4.mx"}, {"mx11.test", LOOKUP_MX, "5.mx"}, {"mx11.test", LOOKUP_MX, "6.mx"}, {"mx11.test", LOOKUP_MX, "7.mx"},
	{"mx11.test", LOOKUP_MX, "8.mx"}, {"mx11.test", LOOKUP_MX, "9.mx"}, {"mx11.test", LOOKUP_MX, "10.mx"}, {"mx11.test", LOOKUP_MX, "a.test"},
	{"ptr11.test", LOOKUP_TXT, "v=spf1 ptr ~all"}, {"x.ptr11.test", LOOKUP_A, "192.0.2.11"}, {"11.2.0.192.in-addr.arpa", LOOKUP_PTR, "1.y"},
	{"11.2.0.192.in-addr.arpa", LOOKUP_PTR, "2.y"}, {"11.2.0.192.in-addr.arpa", LOOKUP_PTR, "3.y"}, {"11.2.0.192.in-addr.arpa", LOOKUP_PTR, "4.y"},
	{"11.2.0.192.in-addr.arpa", LOOKUP_PTR, "5.y"}, {"11.2.0.192.in-addr.arpa", LOOKUP_PTR, "6.y"}, {"11.2.0.192.in-addr.arpa", LOOKUP_PTR, "7.y"},
	{"11.2.0.192.in-addr.arpa", LOOKUP_PTR, "8.y"}, {"11.2.0.192.in-addr.arpa", LOOKUP_PTR, "9.y"}, {"11.2.0.192.in-addr.arpa", LOOKUP_PTR, "10.y"},
	{"11.2.0.192.in-addr.arpa", LOOKUP_PTR, "x.ptr11.test"},
	/* Explanations. */
	{"exp1.test", LOOKUP_TXT, "v=spf1 exp=words.test -all"}, {"words.test", LOOKUP_TXT, "%{i} isn't one of %{d}'s, says %{R}%_at %{t}: %{c} %{L}"},
	{"exp2.test", LOOKUP_TXT, "v=spf1 exp=twowords.test -all"}, {"twowords.test", LOOKUP_TXT, "one"}, {"twowords.test", LOOKUP_TXT, "two"},
	{"exp3.test", LOOKUP_TXT, "v=spf1 exp=badwords.test -all"}, {"badwords.test", LOOKUP_TXT, "the %{x} files"},
	{"exp4.test", LOOKUP_TXT, "v=spf1 exp=dead.test -all"}, {"exp5.test", LOOKUP_TXT, "v=spf1 a:no1.test a:no2.test exp=no3.test -all"},
	{"exp6.test", LOOKUP_TXT, "v=spf1 exp=eightbit.test -all"}, {"eightbit.test", LOOKUP_TXT, "\xc3\xa9t\xc3\xa9"},
	{"exp7.test", LOOKUP_TXT, "v=spf1 include:exp1.test -all"},
	{"exp8.test", LOOKUP_TXT, "v=spf1 -all exp=pwords.test"}, {"pwords.test", LOOKUP_TXT, "from %{p}"},
};

struct expected {
	const char *client, *sender;
	enum spf_result result;
	const char *mechanism;   /* NULL: whatever */
	const char *explanation; /* NULL: none */
};

static const struct expected expected[] = {
	{"192.0.2.1", "joe@plain.test", SPF_PASS, "ip4:192.0.2.1", NULL}, {"192.0.2.2", "joe@plain.test", SPF_FAIL, "-all", NULL},
	{"192.0.2.2", "joe@soft.test", SPF_SOFTFAIL, "~all", NULL},       {"192.0.2.2", "joe@ask.test", SPF_NEUTRAL, "?all", NULL},
	{"192.0.2.2", "joe@bare.test", SPF_NEUTRAL, "", NULL},            {"192.0.2.2", "joe@upper.test", SPF_FAIL, "-ALL", NULL},
	{"192.0.2.1", "joe@upper.test", SPF_PASS, NULL, NULL},            {"192.0.2.1", "joe@spaces.test", SPF_PASS, NULL, NULL},
	{"192.0.2.1", "joe@other.test", SPF_NONE, "", NULL},              {"192.0.2.1", "joe@among.test", SPF_FAIL, NULL, NULL},
	{"192.0.2.1", "joe@twice.test", SPF_PERMERROR, NULL, NULL},       {"192.0.2.1", "joe@dead.test", SPF_TEMPERROR, NULL, NULL},
	{"192.0.2.1", "joe@nothing.test", SPF_NONE, NULL, NULL},          {"192.0.2.1", "joe@nowhere.test", SPF_NONE, NULL, NULL},
	{"192.0.2.1", "joe@m\xc3\xbcller.test", SPF_PASS, NULL, NULL},    {"192.0.2.1", "joe@a.b-c_d.test.", SPF_PASS, NULL, NULL},
	{"192.0.2.1", "joe@[192.0.2.1]", SPF_NONE, NULL, NULL},           {"192.0.2.1", "joe@localhost", SPF_NONE, NULL, NULL},
	{"192.0.2.1", "joe@a...test", SPF_NONE, NULL, NULL},              {"192.0.2.1", "", SPF_NONE, NULL, NULL},
	{"192.0.2.1", "joe@a b.test", SPF_NONE, NULL, NULL},              {"192.0.2.1", "@plain.test", SPF_PASS, NULL, NULL},
	{"::ffff:192.0.2.1", "joe@plain.test", SPF_PASS, NULL, NULL},     {"2001:db8::1", "joe@plain.test", SPF_FAIL, NULL, NULL},
	/* Mechanisms. */
	{"192.0.2.2", "joe@a.test", SPF_PASS, "a", NULL},                 {"192.0.2.3", "joe@a.test", SPF_FAIL, NULL, NULL},
	{"2001:db8::1", "joe@a.test", SPF_PASS, NULL, NULL},              {"2001:db8::2", "joe@a.test", SPF_FAIL, NULL, NULL},
	{"198.51.100.200", "joe@anet.test", SPF_PASS, NULL, NULL},        {"198.51.101.200", "joe@anet.test", SPF_FAIL, NULL, NULL},
	{"2001:db8:0:5::ff", "joe@anet.test", SPF_PASS, NULL, NULL},      {"2001:db8:0:6::ff", "joe@anet.test", SPF_FAIL, NULL, NULL},
	{"203.0.113.1", "joe@azero.test", SPF_PASS, NULL, NULL},          {"2001:db8::8", "joe@azero.test", SPF_FAIL, NULL, NULL},
	{"192.0.2.1", "joe@aodd.test", SPF_PASS, NULL, NULL},             {"192.0.2.1", "joe@mx.test", SPF_PASS, "mx", NULL},
	{"192.0.2.9", "joe@mx.test", SPF_FAIL, NULL, NULL},               {"192.0.2.1", "joe@nullmx.test", SPF_NEUTRAL, NULL, NULL},
	{"192.0.2.1", "joe@nomx.test", SPF_FAIL, NULL, NULL},             {"192.0.2.1", "joe@ptr.test", SPF_PASS, "ptr:ptr.test", NULL},
	{"192.0.2.3", "joe@ptr.test", SPF_FAIL, NULL, NULL},              {"192.0.2.4", "joe@ptr.test", SPF_FAIL, NULL, NULL},
	{"2001:db8:7fff::1", "joe@ip6.test", SPF_PASS, NULL, NULL},       {"2001:db8:8000::1", "joe@ip6.test", SPF_FAIL, NULL, NULL},
	{"::ffff:192.0.2.1", "joe@mapped.test", SPF_PASS, NULL, NULL},    {"203.0.113.9", "joe@zero.test", SPF_PASS, NULL, NULL},
	{"192.0.2.1", "joe@exists.test", SPF_PASS, NULL, NULL},           {"192.0.2.2", "joe@exists.test", SPF_FAIL, NULL, NULL},
	{"2001:db8::1", "joe@exists6.test", SPF_FAIL, NULL, NULL},        {"192.0.2.1", "joe@existsdead.test", SPF_TEMPERROR, "exists:dead.test", NULL},
	/* include and redirect. */
	{"192.0.2.1", "joe@inc.test", SPF_PASS, "include:plain.test", NULL}, {"192.0.2.2", "joe@inc.test", SPF_SOFTFAIL, "~all", NULL},
	{"192.0.2.1", "joe@incno.test", SPF_FAIL, "-include:ask.test", NULL}, {"192.0.2.2", "joe@incno.test", SPF_PASS, "+all", NULL},
	{"192.0.2.1", "joe@incnone.test", SPF_PERMERROR, NULL, NULL},     {"192.0.2.1", "joe@incdead.test", SPF_TEMPERROR, NULL, NULL},
	{"192.0.2.1", "joe@incbad.test", SPF_PERMERROR, NULL, NULL},      {"192.0.2.1", "joe@red.test", SPF_PASS, "ip4:192.0.2.1", NULL},
	{"192.0.2.2", "joe@red.test", SPF_FAIL, "-all", NULL},            {"192.0.2.8", "joe@red.test", SPF_PASS, "ip4:192.0.2.8", NULL},
	{"192.0.2.1", "joe@rednone.test", SPF_PERMERROR, NULL, NULL},     {"192.0.2.1", "joe@redall.test", SPF_SOFTFAIL, NULL, NULL},
	{"192.0.2.1", "joe@redself.test", SPF_PERMERROR, NULL, NULL},     {"192.0.2.1", "joe@inca.test", SPF_PERMERROR, NULL, NULL},
	{"192.0.2.1", "joe@reda.test", SPF_PASS, NULL, NULL},             {"192.0.2.1", "joe@mod.test", SPF_PASS, NULL, NULL},
	/* Macros. */
	{"192.0.2.1", "first-second@macro1.test", SPF_PASS, NULL, NULL},  {"192.0.2.1", "one-two+three@macro2.test", SPF_PASS, NULL, NULL},
	{"192.0.2.1", "zero+one-two@macro2.test", SPF_FAIL, NULL, NULL},  {"192.0.2.1", "one-two@macro2.test", SPF_PASS, NULL, NULL},
	{"192.0.2.1", "joe@macro3.test", SPF_PASS, NULL, NULL},           {"192.0.2.1", "joe@macro4.test", SPF_PASS, NULL, NULL},
	{"192.0.2.1", "joe@macro5.test", SPF_PASS, NULL, NULL},           {"192.0.2.4", "joe@macro5.test", SPF_PASS, NULL, NULL},
	{"192.0.2.1", "joe@macro6.test", SPF_PASS, "exists:%{s}.s.test", NULL}, {"192.0.2.1", "j\xc3\xb6@macro6.test", SPF_PASS, "exists:ok.s.test", NULL},
	{"2001:db8::1", "joe@macro7.test", SPF_PASS, NULL, NULL},         {"192.0.2.1", "joe@macro8.test", SPF_PASS, NULL, NULL},
	/* Limits. */
	{"192.0.2.1", "joe@ten.test", SPF_PASS, NULL, NULL},              {"192.0.2.1", "joe@eleven.test", SPF_PERMERROR, NULL, NULL},
	{"192.0.2.1", "joe@tenin.test", SPF_PASS, NULL, NULL},            {"192.0.2.1", "joe@elevenin.test", SPF_PERMERROR, NULL, NULL},
	{"192.0.2.1", "joe@void2.test", SPF_PASS, NULL, NULL},            {"192.0.2.1", "joe@void3.test", SPF_PERMERROR, "mx:no3.test", NULL},
	{"192.0.2.1", "joe@voidodd.test", SPF_PASS, NULL, NULL},          {"192.0.2.1", "joe@mx11.test", SPF_PERMERROR, NULL, NULL},
	{"192.0.2.11", "joe@ptr11.test", SPF_SOFTFAIL, NULL, NULL},
	/* Explanations. */
	{"192.0.2.3", "j=oe@exp1.test", SPF_FAIL, NULL, "192.0.2.3 isn't one of exp1.test's, says receiver.test at 1700000000: 192.0.2.3 j%3Doe"},
	{"2001:db8::1", "joe@exp1.test", SPF_FAIL, NULL,
	 "2.0.0.1.0.D.B.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1 isn't one of exp1.test's, says receiver.test at 1700000000: 2001:db8::1 joe"},
	{"192.0.2.3", "joe@exp2.test", SPF_FAIL, NULL, NULL},             {"192.0.2.3", "joe@exp3.test", SPF_FAIL, NULL, NULL},
	{"192.0.2.3", "joe@exp4.test", SPF_FAIL, NULL, NULL},             {"192.0.2.3", "joe@exp5.test", SPF_FAIL, NULL, NULL},
	{"192.0.2.3", "joe@exp6.test", SPF_FAIL, NULL, NULL},             {"192.0.2.3", "joe@exp7.test", SPF_FAIL, NULL, NULL},
	{"192.0.2.1", "joe@exp8.test", SPF_FAIL, NULL, "from host.ptr.test"}, {"192.0.2.3", "joe@exp8.test", SPF_FAIL, NULL, "from notptr.test"},
};

static struct slice address_of(const char *text, char *bytes)
{
	bool six = slice_find_char(slice_of(text), ':') != SLICE_NONE;
	assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, text, bytes), 1);
	return slice_make(bytes, six ? 16 : 4);
}

/* The zone's answer to a question. */
static void answer(struct lookup *table, enum lookup_type type, struct slice name)
{
	struct lookup_record records[RECORDS_MAX];
	char bytes[RECORDS_MAX][16];
	struct lookup_answer found = {.status = LOOKUP_NO_NAME, .records = records};
	for (size_t i = 0; i < sizeof zone / sizeof *zone; i++) {
		if (!slice_equal_nocase(slice_of(zone[i].name), name))
			continue;
		if (found.status == LOOKUP_NO_NAME)
			found.status = zone[i].type == FAILS ? LOOKUP_FAILED : LOOKUP_NO_DATA;
		if (zone[i].type != (int)type)
			continue;
		bool address = type == LOOKUP_A || type == LOOKUP_AAAA;
		records[found.count] = (struct lookup_record){.data = address ? address_of(zone[i].value, bytes[found.count]) : slice_of(zone[i].value)};
		found.count++;
		found.status = LOOKUP_FOUND;
	}
	lookup_put(table, type, name, &found);
}

static void evaluate(const struct spf_query *query, struct lookup *table, struct arena *arena, struct spf_verdict *verdict)
{
	int rounds = 0;
	while (spf_check(query, table, arena, verdict) == SPF_PENDING) {
		size_t cursor = 0;
		enum lookup_type type;
		struct slice name;
		assert_true(++rounds < ROUNDS_MAX);
		while (lookup_next_wanted(table, &cursor, &type, &name))
			answer(table, type, name);
	}
}

static void check(const struct expected *wanted, const char *helo)
{
	char bytes[16];
	struct lookup *table = lookup_new();
	struct arena *arena = arena_new();
	struct spf_verdict verdict;
	struct spf_query query = {.client = address_of(wanted->client, bytes), .helo = slice_of(helo), .sender = slice_of(wanted->sender),
		.receiver = SLICE("receiver.test"), .now = 1700000000};
	evaluate(&query, table, arena, &verdict);
	const char *mechanism = arena_text(arena, verdict.mechanism), *explanation = arena_text(arena, verdict.explanation);
	bool good = verdict.result == wanted->result && (!wanted->mechanism || strcmp(mechanism, wanted->mechanism) == 0) &&
		    strcmp(explanation, wanted->explanation ? wanted->explanation : "") == 0 && verdict.reason.len > 0;
	if (!good)
		fail_msg("%s from %s: %s by \"%s\" (%s), explained \"%s\"", wanted->sender, wanted->client, spf_result_name(verdict.result), mechanism,
			 arena_text(arena, verdict.reason), explanation);
	arena_free(&arena);
	lookup_free(&table);
}

static void test_policies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
		check(&expected[i], "mail.client.test");
}

static void test_what_is_no_record_is_an_error(void **state)
{
	(void)state;
	for (int i = 1; i <= 30; i++) {
		char sender[32];
		snprintf(sender, sizeof sender, "joe@bad%d.test", i);
		struct expected wanted = {"192.0.2.1", sender, SPF_PERMERROR, NULL, NULL};
		check(&wanted, "mail.client.test");
	}
}

static void test_without_a_sender_the_greeting_is_checked(void **state)
{
	(void)state;
	const struct expected pass = {"192.0.2.1", "", SPF_PASS, NULL, NULL}, none = {"192.0.2.1", "", SPF_NONE, NULL, NULL};
	check(&pass, "plain.test");
	check(&none, "[192.0.2.1]");
	check(&none, "OEMCOMPUTER");
}

/* RFC 7208 §7.3: of a name that is too long, labels go at the left. */
static void test_a_name_that_is_too_long_is_cut_at_the_left(void **state)
{
	(void)state;
	const char label[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"; /* 52 */
	char sender[256], bytes[16];
	snprintf(sender, sizeof sender, "joe@%s.long.test", label);
	struct lookup *table = lookup_new();
	struct arena *arena = arena_new();
	struct spf_verdict verdict;
	struct spf_query query = {.client = address_of("192.0.2.1", bytes), .helo = SLICE("h.test"), .sender = slice_of(sender)};
	struct lookup_record record = {.data = SLICE("v=spf1 exists:%{d}.%{d}.%{d}.%{d}.%{d}.q.test -all")}, host = {.data = SLICE("\x7f\0\0\2")};
	struct lookup_answer text = {.status = LOOKUP_FOUND, .records = &record, .count = 1}, yes = {.status = LOOKUP_FOUND, .records = &host, .count = 1};
	lookup_put(table, LOOKUP_TXT, slice_skip(slice_of(sender), 4), &text);
	assert_int_equal(spf_check(&query, table, arena, &verdict), SPF_PENDING);
	size_t cursor = 0;
	enum lookup_type type;
	struct slice name;
	assert_true(lookup_next_wanted(table, &cursor, &type, &name));
	assert_true(name.len <= LOOKUP_NAME_MAX && name.len > LOOKUP_NAME_MAX - 53);
	assert_true(slice_starts(name, SLICE("long.test.")) || slice_starts(name, SLICE("test.")) || slice_starts(name, slice_of(label)));
	lookup_put(table, type, name, &yes);
	assert_int_equal(spf_check(&query, table, arena, &verdict), SPF_PASS);
	arena_free(&arena);
	lookup_free(&table);
}

static void test_steps_are_told(void **state)
{
	(void)state;
	char bytes[16];
	struct lookup *table = lookup_new();
	struct arena *arena = arena_new();
	struct spf_verdict verdict;
	struct spf_query query = {.client = address_of("192.0.2.2", bytes), .helo = SLICE("h.test"), .sender = SLICE("joe@inc.test")};
	evaluate(&query, table, arena, &verdict);
	struct buf told = BUF(4096);
	for (size_t i = 0; i < verdict.step_count; i++)
		buf_printf(&told, "%u %.*s %.*s: %.*s\n", verdict.steps[i].depth, SLICE_ARG(verdict.steps[i].domain), SLICE_ARG(verdict.steps[i].term), SLICE_ARG(verdict.steps[i].said));
	assert_string_equal(told.at,
		"0 inc.test v=spf1 include:plain.test include:soft.test ~all: is the record\n"
		"1 plain.test v=spf1 ip4:192.0.2.1 -all: is the record\n"
		"1 plain.test ip4:192.0.2.1: doesn't match\n"
		"1 plain.test -all: matches\n"
		"0 inc.test include:plain.test: doesn't match: it says fail\n"
		"1 soft.test v=spf1 ip4:192.0.2.1 ~all: is the record\n"
		"1 soft.test ip4:192.0.2.1: doesn't match\n"
		"1 soft.test ~all: matches\n"
		"0 inc.test include:soft.test: doesn't match: it says softfail\n"
		"0 inc.test ~all: matches\n");
	buf_free(&told);
	arena_free(&arena);
	lookup_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_what_is_no_record_is_an_error),
		cmocka_unit_test(test_without_a_sender_the_greeting_is_checked),
		cmocka_unit_test(test_a_name_that_is_too_long_is_cut_at_the_left),
		cmocka_unit_test(test_steps_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
