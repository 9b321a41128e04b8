/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The QMP engine: framing of hostile input, argument checks, sessions over real sockets with the
 * monitor thread running. The schema is test-schema.qmp.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/framing-priv.h"
#include "monitor/monitor.h"
#include "test-handlers-gen.h"
#include "test-schema-gen.h"

/* ---- handlers of the test schema ---- */

Json *test_qmp_capabilities(QmpCall *call, Json *args, GError **error)
{
    qmp_negotiate(call, args, error);
    return NULL;
}

Json *test_echo(QmpCall *call, Json *args, GError **error)
{
    return json_object_get(json_member(args, "value"));
}

Json *test_typed(QmpCall *call, Json *args, GError **error)
{
    return NULL;
}

Json *test_oob_ping(QmpCall *call, Json *args, GError **error)
{
    return json_object_new_string(call->oob ? "oob" : "in-band");
}

Json *test_take_fd(QmpCall *call, Json *args, GError **error)
{
    int fd = qmp_call_take_fd(call, error);
    char c = 0;
    if (fd < 0) {
        return NULL;
    }
    g_assert_cmpint(read(fd, &c, 1), ==, 1);
    close(fd);
    return json_object_new_int(c);
}

Json *test_open_ended(QmpCall *call, Json *args, GError **error)
{
    return json_object_get(args);
}

Json *test_fail(QmpCall *call, Json *args, GError **error)
{
    bool known = !strcmp(json_str(args, "class", ""), "DeviceNotFound");
    g_set_error(error, known ? QMP_ERROR : G_FILE_ERROR, known ? QMP_ERROR_DEVICE_NOT_FOUND : 3,
                "as asked");
    return NULL;
}

Json *test_only_s390x(QmpCall *call, Json *args, GError **error)
{
    return NULL;
}

static const MonitorsConfig config = {
    .schema = &test_schema,
    .handlers = test_handlers,
    .target = QMP_TARGET_X86_64,
    .package = "test",
};

/* ---- framing ---- */

/* Feed text in pieces of step bytes; returns "V" for each value and "E" for each error. */
static char *frames(const char *text, size_t len, size_t step, char **last_error)
{
    g_autoptr(JsonFramer) f = json_framer_new();
    GString *out = g_string_new(NULL);
    for (size_t i = 0; i < len;) {
        size_t n = MIN(step, len - i);
        while (n) {
            bool complete;
            Json *value;
            GError *error = NULL;
            size_t used = json_framer_feed(f, text + i, n, &complete, &value, &error);
            i += used;
            n -= used;
            if (complete) {
                g_string_append_c(out, error ? 'E' : 'V');
            }
            if (error && last_error) {
                g_free(*last_error);
                *last_error = g_strdup(error->message);
            }
            g_clear_error(&error);
            json_unref(value);
        }
    }
    return g_string_free(out, FALSE);
}

static void expect_frames(const char *text, const char *expected)
{
    static const size_t steps[] = { 1, 2, 3, 7, 4096 };
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autofree char *got = frames(text, strlen(text), steps[i], NULL);
        if (strcmp(got, expected)) {
            g_error("'%s' in pieces of %zu: got %s, expected %s", text, steps[i], got, expected);
        }
    }
}

static void values_are_cut_at_any_split(void)
{
    expect_frames("{}", "V");
    expect_frames("{}{}[1,2]\r\n{\"a\":{\"b\":[]}}", "VVVV");
    expect_frames("{\"}{\\\"][\":\"\\\\\"}{}", "VV");
    expect_frames("{\n \"a\" :\t1 }\n\n  {}", "VV");
    expect_frames("{'a}\"':1}{}", "VV");
    expect_frames("12\n\"x\"\ntrue\nnull\n-1.5e3\r\n", "VVVVV");
    expect_frames("{\"k\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}", "V");
}

static void garbage_gives_one_error_and_the_next_line_works(void)
{
    expect_frames("foo bar}{\n{}", "EV");
    expect_frames("}}}}\n{}", "EV");
    expect_frames("{\"a\":}{}", "EV");
    expect_frames("{]\n{}", "EV");
    expect_frames("{\"a\" 1}\n{}", "EV");
    expect_frames("{\"a\":1,}\n{}", "EV");
    expect_frames("{\"unterminated\n{}", "EV");
    expect_frames("{\"a\":\"\x01\"} rest\n{}", "EV");
    expect_frames("\xff\xfe\n{}", "EEV");
    expect_frames("12 34\n{}", "EV");
    expect_frames("nul\n{}", "EV");
    expect_frames("{\"a\":NaN}\n{}", "EV");
}

static void invalid_utf8_is_refused(void)
{
    static const char *const bad[] = {
        "{\"a\":\"\x80\"}\n{}",         "{\"a\":\"\xc3\"}\n{}",     "{\"a\":\"\xc0\xaf\"}\n{}",
        "{\"a\":\"\xed\xa0\x80\"}\n{}", "{\"a\":\"\xf8\x88\"}\n{}", "{\"\xff\":1}\n{}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        expect_frames(bad[i], "EV");
    }
}

static void nesting_is_limited(void)
{
    g_autoptr(GString) deep = g_string_new(NULL);
    g_autofree char *error = NULL;
    for (int i = 0; i < 10000; i++) {
        g_string_append(deep, "[");
    }
    for (int i = 0; i < 10000; i++) {
        g_string_append(deep, "]");
    }
    g_string_append(deep, "\n{}");
    g_autofree char *got = frames(deep->str, deep->len, 4096, &error);
    g_assert_cmpstr(got, ==, "EV");
    g_assert_cmpstr(error, ==, "JSON nesting depth limit exceeded");
    g_string_truncate(deep, 0);
    for (int i = 0; i < FRAMER_MAX_DEPTH; i++) {
        g_string_append(deep, "[");
    }
    for (int i = 0; i < FRAMER_MAX_DEPTH; i++) {
        g_string_append(deep, "]");
    }
    g_autofree char *ok = frames(deep->str, deep->len, 4096, NULL);
    g_assert_cmpstr(ok, ==, "V");
}

static void token_count_is_limited(void)
{
    g_autoptr(GString) text = g_string_new("[");
    g_autofree char *error = NULL;
    for (size_t i = 0; i <= FRAMER_MAX_TOKENS; i++) {
        g_string_append(text, "0,");
    }
    g_string_append(text, "0]\n{}");
    g_autofree char *got = frames(text->str, text->len, 65536, &error);
    g_assert_cmpstr(got, ==, "EV");
    g_assert_cmpstr(error, ==, "JSON token count limit exceeded");
}

static void a_gigabyte_string_does_not_grow_memory(void)
{
    g_autoptr(JsonFramer) f = json_framer_new();
    g_autofree char *chunk = g_strnfill(1 << 20, 'x');
    struct rusage before, after;
    int errors = 0;
    bool complete;
    Json *value;
    json_framer_feed(f, "{\"a\":\"", 6, &complete, &value, NULL);
    getrusage(RUSAGE_SELF, &before);
    for (int mb = 0; mb < 1024; mb++) {
        for (size_t i = 0; i < 1 << 20;) {
            g_autoptr(GError) error = NULL;
            i += json_framer_feed(f, chunk + i, (1 << 20) - i, &complete, &value, &error);
            errors += complete;
            if (complete) {
                g_assert_cmpstr(error->message, ==, "JSON token size limit exceeded");
            }
            g_assert_cmpuint(json_framer_held(f), <=, FRAMER_MAX_BYTES);
        }
    }
    getrusage(RUSAGE_SELF, &after);
    g_assert_cmpint(errors, ==, 1);
    g_assert_cmpint(after.ru_maxrss - before.ru_maxrss, <, 300 * 1024);
    json_framer_feed(f, "\"}\n{}", 5, &complete, &value, NULL);
    g_assert_true(complete);
    json_unref(value);
}

/* ---- argument checks ---- */

static void expect_check(const char *command, const char *args, const char *expected)
{
    g_autoptr(Json) json = args ? json_parse(args, NULL) : NULL;
    g_autoptr(GError) error = NULL;
    const QmpCommand *c = qmp_schema_command(&test_schema, command, QMP_TARGET_ALL);
    g_assert_nonnull(c);
    bool ok = qmp_schema_check(&test_schema, c, json, &error);
    g_assert_cmpstr(ok ? "" : error->message, ==, expected);
}

static void arguments_are_checked_against_the_schema(void)
{
    expect_check("typed", "{\"text\":\"x\"}", "");
    expect_check("typed", NULL, "Parameter 'text' is missing");
    expect_check("typed", "{\"text\":1}", "Invalid parameter type for 'text', expected: string");
    expect_check("typed", "{\"text\":\"a\\u0000b\"}", "Parameter 'text' contains a zero character");
    expect_check("typed", "{\"text\":\"x\",\"number\":1.5}",
                 "Invalid parameter type for 'number', expected: integer");
    expect_check("typed", "{\"text\":\"x\",\"number\":null}",
                 "Invalid parameter type for 'number', expected: integer");
    expect_check("typed", "{\"text\":\"x\",\"flag\":\"on\"}",
                 "Invalid parameter type for 'flag', expected: boolean");
    expect_check("typed", "{\"text\":\"x\",\"ratio\":2}", "");
    expect_check("typed", "{\"text\":\"x\",\"colour\":\"pink\"}",
                 "Parameter 'colour' does not accept value 'pink'");
    expect_check("typed", "{\"text\":\"x\",\"list\":[1,\"2\"]}",
                 "Invalid parameter type for 'list[1]', expected: integer");
    expect_check("typed", "{\"text\":\"x\",\"extra\":1}", "Parameter 'extra' is unexpected");
    expect_check("typed", "{\"text\":\"x\",\"nested\":{}}", "Parameter 'nested.kind' is missing");
    expect_check("typed", "{\"text\":\"x\",\"nested\":{\"kind\":\"circle\"}}",
                 "Parameter 'nested.radius' is missing");
    expect_check("typed", "{\"text\":\"x\",\"nested\":{\"kind\":\"nothing\",\"radius\":1}}",
                 "Parameter 'nested.radius' is unexpected");
    expect_check("typed", "{\"text\":\"x\",\"nested\":{\"kind\":\"circle\",\"radius\":1}}", "");
    expect_check("typed", "{\"text\":\"x\",\"either\":7}", "");
    expect_check("typed", "{\"text\":\"x\",\"either\":[]}",
                 "Invalid parameter type for 'either', expected: StrOrInt");
    expect_check("open-ended", "{\"driver\":\"x\",\"more\":[1]}", "");
    expect_check("open-ended", "{\"more\":1}", "Parameter 'driver' is missing");
}

static void introspection_lists_what_is_offered(void)
{
    g_autoptr(Json) list = qmp_schema_introspect(&test_schema, QMP_TARGET_X86_64);
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        Json *e = json_object_array_get_idx(list, i);
        g_assert_true(g_hash_table_insert(names, (char *)json_str(e, "name", NULL), e));
    }
    g_assert_null(g_hash_table_lookup(names, "only-s390x"));
    Json *typed = g_hash_table_lookup(names, "typed");
    Json *arg = g_hash_table_lookup(names, json_str(typed, "arg-type", ""));
    g_assert_cmpstr(json_str(arg, "meta-type", ""), ==, "object");
    g_assert_cmpuint(json_object_array_length(json_member(arg, "members")), ==, 8);
    g_assert_true(json_flag(g_hash_table_lookup(names, "oob-ping"), "allow-oob", false));
    g_assert_cmpstr(json_str(typed, "ret-type", ""), ==, "0");
    g_assert_nonnull(g_hash_table_lookup(names, "[int]"));
    g_assert_nonnull(g_hash_table_lookup(names, "int"));
}

static void json_survives_the_way_through_gvariant(void)
{
    g_autoptr(Json) in =
        json_parse("{\"b\": true, \"i\": -3, \"u\": 18446744073709551615, \"s\": \"x\\u00e4\\n\", "
                   "\"a\": [1, [], null], \"o\": {}}",
                   NULL);
    g_autoptr(GVariant) v = g_variant_ref_sink(json_to_variant(in));
    g_autoptr(Json) back = json_from_variant(v);
    g_autoptr(GString) text = g_string_new(NULL);
    json_write(text, back, false);
    g_assert_cmpstr(text->str, ==,
                    "{\"b\": true, \"i\": -3, \"u\": 18446744073709551615, \"s\": \"x\\u00E4\\n\", "
                    "\"a\": [1, [], null], \"o\": {}}");
}

/* ---- sessions ---- */

typedef struct {
    Chardevs *chardevs;
    Monitors *set;
    int fd[2]; /* client ends */
    GString *in[2];
} Session;

static void session_add(Session *s, int i, bool pretty)
{
    int pair[2];
    g_autoptr(GError) error = NULL;
    g_autofree char *id = g_strdup_printf("mon%d", i);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    g_autoptr(ChardevConfig) c = chardev_config_new(id, CHARDEV_KIND_SOCKET);
    c->addr = socket_address_new(SOCKET_ADDRESS_FD);
    c->addr->fd = pair[1];
    Chardev *chardev = chardevs_add(s->chardevs, c, &error);
    g_assert_no_error(error);
    s->fd[i] = pair[0];
    s->in[i] = g_string_new(NULL);
    g_assert_true(monitors_add(s->set, chardev, MONITOR_QMP, pretty, &error));
}

static void session_start(Session *s, int n)
{
    *s = (Session){ .chardevs = chardevs_new(NULL), .fd = { -1, -1 } };
    s->set = monitors_new(NULL, &config);
    for (int i = 0; i < n; i++) {
        session_add(s, i, false);
    }
}

static void session_end(Session *s)
{
    monitors_free(s->set);
    chardevs_free(s->chardevs);
    for (int i = 0; i < 2; i++) {
        if (s->fd[i] >= 0) {
            close(s->fd[i]);
            g_string_free(s->in[i], TRUE);
        }
    }
}

/* The next line from the monitor, without its CR LF, running the main loop meanwhile if asked. */
static char *read_line(Session *s, int i, bool run_main)
{
    GString *in = s->in[i];
    gint64 deadline = g_get_monotonic_time() + 100 * G_USEC_PER_SEC;
    for (;;) {
        char *end = strstr(in->str, "\r\n");
        if (end) {
            char *line = g_strndup(in->str, end - in->str);
            g_string_erase(in, 0, end + 2 - in->str);
            return line;
        }
        if (g_get_monotonic_time() > deadline) {
            return g_strdup("(nothing came)");
        }
        if (run_main) {
            g_main_context_iteration(NULL, FALSE);
        }
        struct pollfd p = { .fd = s->fd[i], .events = POLLIN };
        if (poll(&p, 1, 1) > 0) {
            char buf[4096];
            gssize n = read(s->fd[i], buf, sizeof(buf));
            if (n <= 0) {
                return g_strdup("(closed)");
            }
            g_string_append_len(in, buf, n);
        }
    }
}

static void expect(Session *s, int i, const char *expected)
{
    g_autofree char *line = read_line(s, i, true);
    g_assert_cmpstr(line, ==, expected);
}

static void send_text(Session *s, int i, const char *text)
{
    g_assert_cmpint(write(s->fd[i], text, strlen(text)), ==, (gssize)strlen(text));
}

#define GREETING                                                                       \
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 0, \"major\": 10}, " \
    "\"package\": \"test\"}, \"capabilities\": [\"oob\"]}}"

static void negotiate(Session *s, int i, bool oob)
{
    expect(s, i, GREETING);
    send_text(s, i,
              oob ? "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}"
                  : "{\"execute\":\"qmp_capabilities\"}");
    expect(s, i, "{\"return\": {}}");
}

static void negotiation_comes_first_and_only_once(void)
{
    Session s;
    session_start(&s, 1);
    expect(&s, 0, GREETING);
    send_text(&s, 0, "{\"execute\":\"echo\",\"arguments\":{\"value\":1},\"id\":1}\r\n");
    expect(&s, 0,
           "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"Expecting capabilities "
           "negotiation with 'qmp_capabilities'\"}, \"id\": 1}");
    send_text(&s, 0, "{\"execute\":\"qmp_capabilities\"}\r\n");
    expect(&s, 0, "{\"return\": {}}");
    send_text(&s, 0, "{\"execute\":\"qmp_capabilities\"}\r\n");
    expect(&s, 0,
           "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"Capabilities "
           "negotiation is already complete, command ignored\"}}");
    session_end(&s);
}

static void ids_of_any_kind_come_back(void)
{
    static const char *const ids[] = {
        "1", "\"libvirt-7\"", "null", "{\"a\": [1, 2]}", "1.50", "true", "18446744073709551615"
    };
    Session s;
    session_start(&s, 1);
    negotiate(&s, 0, false);
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autofree char *out =
            g_strdup_printf("{\"id\": %s, \"execute\": \"echo\", \"arguments\": {\"value\": []}}",
                            ids[i]);
        g_autofree char *in = g_strdup_printf("{\"return\": [], \"id\": %s}", ids[i]);
        send_text(&s, 0, out);
        expect(&s, 0, in);
    }
    session_end(&s);
}

static void malformed_requests_are_named(void)
{
    static const struct {
        const char *in, *class, *desc;
    } rows[] = {
        { "[]", "GenericError", "QMP input must be a JSON object" },
        { "42\n", "GenericError", "QMP input must be a JSON object" },
        { "{}", "GenericError", "QMP input lacks member 'execute'" },
        { "{\"execute\":1}", "GenericError", "QMP input member 'execute' must be a string" },
        { "{\"execute\":\"echo\",\"arguments\":[]}", "GenericError",
          "QMP input member 'arguments' must be an object" },
        { "{\"execute\":\"echo\",\"argument\":{}}", "GenericError",
          "QMP input member 'argument' is unexpected" },
        { "{\"exec-oob\":\"oob-ping\"}", "GenericError",
          "QMP input member 'exec-oob' is unexpected" },
        { "{\"execute\":\"nope\"}", "CommandNotFound", "The command nope has not been found" },
        { "{\"execute\":\"only-s390x\"}", "CommandNotFound",
          "The command only-s390x has not been found" },
        { "{\"execute\":\"echo\"}", "GenericError", "Parameter 'value' is missing" },
        { "{\"execute\":\"fail\",\"arguments\":{\"class\":\"DeviceNotFound\"}}", "DeviceNotFound",
          "as asked" },
        { "{\"execute\":\"fail\",\"arguments\":{\"class\":\"x\"}}", "GenericError", "as asked" },
        { "garbage\n", "GenericError", "JSON parse error, stray 'g'" },
        /* 0xff starts afresh wherever it comes */
        { "\xff{\"execute\":\"nope\"}", "GenericError", "JSON parse error, stray byte 0xff" },
        { "", "CommandNotFound", "The command nope has not been found" },
        { "garbage\xff{}", "GenericError", "JSON parse error, stray 'g'" },
        { "", "GenericError", "QMP input lacks member 'execute'" },
        { "{'execute':'it\\'s \"it\"'}", "CommandNotFound",
          "The command it's \\\"it\\\" has not been found" },
    };
    Session s;
    session_start(&s, 1);
    negotiate(&s, 0, false);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *in = g_strdup_printf("{\"error\": {\"class\": \"%s\", \"desc\": \"%s\"}}",
                                              rows[i].class, rows[i].desc);
        send_text(&s, 0, rows[i].in);
        expect(&s, 0, in);
    }
    send_text(&s, 0, "{\"execute\":\"echo\",\"arguments\":{\"value\":\"still here\"}}");
    expect(&s, 0, "{\"return\": \"still here\"}");
    session_end(&s);
}

static void pipelined_commands_are_answered_in_order(void)
{
    Session s;
    session_start(&s, 1);
    negotiate(&s, 0, false);
    g_autoptr(GString) all = g_string_new(NULL);
    for (int i = 0; i < 500; i++) {
        g_string_append_printf(all, "{\"execute\":\"echo\",\"arguments\":{\"value\":%d}}\r\n", i);
    }
    send_text(&s, 0, all->str);
    for (int i = 0; i < 500; i++) {
        g_autofree char *line = g_strdup_printf("{\"return\": %d}", i);
        expect(&s, 0, line);
    }
    session_end(&s);
}

static void oob_commands_overtake_while_the_main_loop_is_stuck(void)
{
    Session s;
    session_start(&s, 1);
    negotiate(&s, 0, true);
    send_text(&s, 0,
              "{\"execute\":\"echo\",\"arguments\":{\"value\":1},\"id\":\"in\"}"
              "{\"exec-oob\":\"oob-ping\",\"id\":\"out\"}"
              "{\"exec-oob\":\"echo\",\"arguments\":{\"value\":1},\"id\":\"no\"}");
    g_autofree char *first = read_line(&s, 0, false); /* the main loop does not run */
    g_assert_cmpstr(first, ==, "{\"return\": \"oob\", \"id\": \"out\"}");
    g_autofree char *second = read_line(&s, 0, false);
    g_assert_cmpstr(second, ==,
                    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"The command "
                    "echo does not support OOB\"}, \"id\": \"no\"}");
    expect(&s, 0, "{\"return\": 1, \"id\": \"in\"}");
    send_text(&s, 0, "{\"execute\":\"oob-ping\"}");
    expect(&s, 0, "{\"return\": \"in-band\"}");
    session_end(&s);
}

static void a_full_queue_stops_reading_and_loses_nothing(void)
{
    Session s;
    session_start(&s, 1);
    negotiate(&s, 0, true);
    g_autoptr(GString) all = g_string_new(NULL);
    for (int i = 0; i < 50; i++) {
        g_string_append_printf(all, "{\"execute\":\"echo\",\"arguments\":{\"value\":%d}}", i);
    }
    send_text(&s, 0, all->str);
    g_usleep(50000); /* nobody carries out commands meanwhile */
    for (int i = 0; i < 50; i++) {
        g_autofree char *line = g_strdup_printf("{\"return\": %d}", i);
        expect(&s, 0, line);
    }
    session_end(&s);
}

static void events_reach_every_negotiated_monitor(void)
{
    Session s;
    session_start(&s, 2);
    negotiate(&s, 0, false);
    expect(&s, 1, GREETING);
    Json *data = json_object_new_object();
    json_add_int(data, "value", 5);
    monitors_event(s.set, "PLAIN", data);
    g_autofree char *line = read_line(&s, 0, true);
    g_autoptr(Json) event = json_parse(line, NULL);
    g_assert_cmpstr(json_str(event, "event", ""), ==, "PLAIN");
    g_assert_cmpint(json_int(json_member(event, "data"), "value", 0), ==, 5);
    g_assert_cmpint(json_int(json_member(event, "timestamp"), "seconds", 0), >, 1600000000);
    g_assert_true(json_has(json_member(event, "timestamp"), "microseconds"));
    send_text(&s, 1, "{\"execute\":\"qmp_capabilities\"}");
    expect(&s, 1, "{\"return\": {}}"); /* the event came before and is not shown */
    session_end(&s);
}

static int next_limited(Session *s)
{
    g_autofree char *line = read_line(s, 0, true);
    g_autoptr(Json) event = json_parse(line, NULL);
    return (int)json_int(json_member(event, "data"), "value", -1);
}

static void limited_events_send_the_first_and_the_last(void)
{
    Session s;
    session_start(&s, 1);
    negotiate(&s, 0, false);
    for (int i = 0; i < 10; i++) {
        Json *data = json_object_new_object();
        json_add_str(data, "id", "a");
        json_add_int(data, "value", i);
        monitors_event(s.set, "LIMITED", data);
    }
    Json *data = json_object_new_object();
    json_add_str(data, "id", "b");
    json_add_int(data, "value", 100);
    monitors_event(s.set, "LIMITED", data);
    g_assert_cmpint(next_limited(&s), ==, 0);
    g_assert_cmpint(next_limited(&s), ==, 100);
    g_assert_cmpint(next_limited(&s), ==, 9);
    session_end(&s);
}

static void a_descriptor_comes_with_its_command(void)
{
    Session s;
    session_start(&s, 1);
    negotiate(&s, 0, false);
    int p[2];
    g_assert_cmpint(pipe(p), ==, 0);
    g_assert_cmpint(write(p[1], "*", 1), ==, 1);
    char line[] = "{\"execute\":\"take-fd\"}\r\n";
    struct iovec iov = { line, strlen(line) };
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { 0 };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
    };
    struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(h), &p[0], sizeof(int));
    g_assert_cmpint(sendmsg(s.fd[0], &msg, 0), ==, (gssize)strlen(line));
    expect(&s, 0, "{\"return\": 42}");
    send_text(&s, 0, line);
    expect(&s, 0,
           "{\"error\": {\"class\": \"GenericError\", \"desc\": \"No file descriptor "
           "supplied via SCM_RIGHTS\"}}");
    close(p[0]);
    close(p[1]);
    session_end(&s);
}

static void a_client_that_does_not_read_cannot_make_us_buffer(void)
{
    Session s;
    session_start(&s, 1);
    negotiate(&s, 0, false);
    g_autofree char *big = g_strnfill(60000, 'y');
    g_autofree char *command =
        g_strdup_printf("{\"execute\":\"echo\",\"arguments\":{\"value\":\"%s\"}}", big);
    int sent = 0;
    gint64 idle = g_get_monotonic_time();
    while (g_get_monotonic_time() - idle < 300000 && sent < 1000) {
        g_main_context_iteration(NULL, FALSE);
        gssize n = send(s.fd[0], command, strlen(command), MSG_DONTWAIT);
        if (n > 0 && n < (gssize)strlen(command)) {
            break; /* our side is full: the monitor stopped reading */
        }
        if (n > 0) {
            sent++;
            idle = g_get_monotonic_time();
        } else {
            g_usleep(1000);
        }
    }
    g_assert_cmpint(sent, <, 100);
    session_end(&s);
}

static void a_disconnect_with_commands_waiting_is_harmless(void)
{
    for (int round = 0; round < 20; round++) {
        Session s;
        session_start(&s, 1);
        negotiate(&s, 0, true);
        send_text(&s, 0,
                  "{\"execute\":\"echo\",\"arguments\":{\"value\":1}}"
                  "{\"execute\":\"echo\",\"arguments\":{\"value\":2}}{\"exec");
        shutdown(s.fd[0], SHUT_RDWR);
        for (int i = 0; i < round; i++) {
            g_main_context_iteration(NULL, FALSE);
        }
        session_end(&s);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/monitor/values-are-cut-at-any-split", values_are_cut_at_any_split);
    g_test_add_func("/monitor/garbage-gives-one-error-and-the-next-line-works",
                    garbage_gives_one_error_and_the_next_line_works);
    g_test_add_func("/monitor/invalid-utf8-is-refused", invalid_utf8_is_refused);
    g_test_add_func("/monitor/nesting-is-limited", nesting_is_limited);
    g_test_add_func("/monitor/token-count-is-limited", token_count_is_limited);
    g_test_add_func("/monitor/a-gigabyte-string-does-not-grow-memory",
                    a_gigabyte_string_does_not_grow_memory);
    g_test_add_func("/monitor/arguments-are-checked-against-the-schema",
                    arguments_are_checked_against_the_schema);
    g_test_add_func("/monitor/introspection-lists-what-is-offered",
                    introspection_lists_what_is_offered);
    g_test_add_func("/monitor/json-survives-the-way-through-gvariant",
                    json_survives_the_way_through_gvariant);
    g_test_add_func("/monitor/negotiation-comes-first-and-only-once",
                    negotiation_comes_first_and_only_once);
    g_test_add_func("/monitor/ids-of-any-kind-come-back", ids_of_any_kind_come_back);
    g_test_add_func("/monitor/malformed-requests-are-named", malformed_requests_are_named);
    g_test_add_func("/monitor/pipelined-commands-are-answered-in-order",
                    pipelined_commands_are_answered_in_order);
    g_test_add_func("/monitor/oob-commands-overtake-while-the-main-loop-is-stuck",
                    oob_commands_overtake_while_the_main_loop_is_stuck);
    g_test_add_func("/monitor/a-full-queue-stops-reading-and-loses-nothing",
                    a_full_queue_stops_reading_and_loses_nothing);
    g_test_add_func("/monitor/events-reach-every-negotiated-monitor",
                    events_reach_every_negotiated_monitor);
    g_test_add_func("/monitor/limited-events-send-the-first-and-the-last",
                    limited_events_send_the_first_and_the_last);
    g_test_add_func("/monitor/a-descriptor-comes-with-its-command",
                    a_descriptor_comes_with_its_command);
    g_test_add_func("/monitor/a-client-that-does-not-read-cannot-make-us-buffer",
                    a_client_that_does_not_read_cannot_make_us_buffer);
    g_test_add_func("/monitor/a-disconnect-with-commands-waiting-is-harmless",
                    a_disconnect_with_commands_waiting_is_harmless);
    return g_test_run();
}
