/*
 * The complete check of a policy file's text, by libyaml's events. Owns one parser and one event
 * at a time; pure otherwise, any thread.
 * Always holds: the first thing that is wrong is told with its line; nothing nests deeper than
 * three events, so there is no recursion and a deeply nested file is refused where it gets too
 * deep.
 * Costs a pass over at most 64 KiB.
 */
#include "scan.h"

#include "nearest.h"
#include "value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

/* One scan. `event` is the last one read. */
typedef struct scan {
    yaml_parser_t parser;
    yaml_event_t event;
    const char *text;
    size_t bytes;
    const scan_report *report;
    size_t *lines;
    size_t section_lines[POLICY_NUM_SECTIONS];
    char where[NEAREST_BYTES + 2]; /* what the events belong to: "gpu.software: ", "gpu: " or "" */
} scan;

void scan_say(const scan_report *report, size_t line, const char *what, ...)
{
    char body[512];
    va_list list;
    va_start(list, what);
    vsnprintf(body, sizeof(body), what, list);
    va_end(list);
    if (line > 0) {
        snprintf(report->message, report->message_bytes, "%s:%zu: %s", report->file, line, body);
    } else {
        snprintf(report->message, report->message_bytes, "%s: %s", report->file, body);
    }
    for (size_t i = 0; i < report->message_bytes && report->message[i] != '\0'; i++) {
        unsigned char byte = (unsigned char)report->message[i];
        /* U+0080 to U+009F are control characters too; in UTF-8 they begin with 0xc2. */
        bool is_c1 =
            byte >= 0x80 && byte < 0xa0 && i > 0 && (unsigned char)report->message[i - 1] == 0xc2;
        if (byte < 0x20 || byte == 0x7f || is_c1) {
            report->message[i] = '?';
        }
    }
}

static size_t scan_line(const scan *s)
{
    return s->event.start_mark.line + 1;
}

static void scan_enter(scan *s, const char *section, const char *key)
{
    snprintf(s->where, sizeof(s->where), "%s%s%s: ", section, key != NULL ? "." : "",
             key != NULL ? key : "");
}

/* Complains about the event at hand. Returns YOKE_INVALID. */
static yoke_status scan_fail(const scan *s, const char *what, ...)
    __attribute__((format(printf, 2, 3)));

static yoke_status scan_fail(const scan *s, const char *what, ...)
{
    char body[400];
    va_list list;
    va_start(list, what);
    vsnprintf(body, sizeof(body), what, list);
    va_end(list);
    scan_say(s->report, scan_line(s), "%s%s", s->where, body);
    return YOKE_INVALID;
}

/* Whether the indentation of a line, from 1, has a tab: the commonest mistake, so it gets a hint.
 */
static bool scan_line_has_tab(const scan *s, size_t line)
{
    const char *at = s->text;
    const char *end = s->text + s->bytes;
    for (size_t i = 1; i < line && at != NULL; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at == NULL ? NULL : at + 1;
    }
    while (at != NULL && at < end && *at == ' ') {
        at++;
    }
    return at != NULL && at < end && *at == '\t';
}

static size_t scan_line_of_byte(const scan *s, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset && i < s->bytes; i++) {
        line += s->text[i] == '\n';
    }
    return line;
}

/* What libyaml could not read. */
static yoke_status scan_bad_syntax(const scan *s)
{
    const yaml_parser_t *parser = &s->parser;
    if (parser->error == YAML_MEMORY_ERROR) {
        scan_say(s->report, 0, "out of memory");
        return YOKE_NO_MEMORY;
    }
    size_t line = parser->problem_mark.line + 1;
    if (parser->error == YAML_READER_ERROR) { /* has an offset instead of a mark */
        line = scan_line_of_byte(s, parser->problem_offset);
    }
    scan_say(s->report, line, "not YAML: %s%s", parser->problem,
             scan_line_has_tab(s, line) ? " (a tab; indent with spaces)" : "");
    return YOKE_INVALID;
}

static int scan_shown(const yaml_char_t *text)
{
    return value_shown_bytes((const char *)text, strlen((const char *)text));
}

/* Anchors, aliases and tags make one thing of several, or another of one: not here. */
static yoke_status scan_refuse_indirect(const scan *s)
{
    const yaml_event_t *event = &s->event;
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        anchor = event->data.alias.anchor;
        return scan_fail(s, "an alias (*%.*s); aliases are not allowed", scan_shown(anchor),
                         (const char *)anchor);
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;
    default:
        break;
    }
    if (anchor != NULL) {
        return scan_fail(s, "an anchor (&%.*s); anchors are not allowed", scan_shown(anchor),
                         (const char *)anchor);
    }
    if (tag != NULL) {
        return scan_fail(s, "a tag (%.*s); tags are not allowed", scan_shown(tag),
                         (const char *)tag);
    }
    return YOKE_OK;
}

static yoke_status scan_next(scan *s)
{
    yaml_event_delete(&s->event);
    if (!yaml_parser_parse(&s->parser, &s->event)) {
        return scan_bad_syntax(s);
    }
    return scan_refuse_indirect(s);
}

static const char *scan_scalar(const scan *s)
{
    return (const char *)s->event.data.scalar.value;
}

static bool scan_scalar_is(const scan *s, const char *word)
{
    size_t bytes = strlen(word);
    return s->event.data.scalar.length == bytes && memcmp(scan_scalar(s), word, bytes) == 0;
}

static bool scan_scalar_is_empty(const scan *s)
{
    return s->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           s->event.data.scalar.length == 0;
}

/* Names the event as a value: "a list". */
static const char *scan_event_noun(const scan *s)
{
    switch (s->event.type) {
    case YAML_SEQUENCE_START_EVENT:
        return "a list";
    case YAML_MAPPING_START_EVENT:
        return "a mapping";
    default:
        return scan_scalar_is_empty(s) ? "empty" : "a single value";
    }
}

/* Checks the value of a key, which is the event at hand. */
static yoke_status scan_value(const scan *s, const policy_key *key)
{
    char why[256];
    if (s->event.type != YAML_SCALAR_EVENT) {
        policy_describe(key, why, sizeof(why));
        return scan_fail(s, "must be %s, not %s", why, scan_event_noun(s));
    }
    value_scalar value = {.text = scan_scalar(s),
                          .bytes = s->event.data.scalar.length,
                          .is_plain = s->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE};
    if (!value_check(key, &value, why, sizeof(why))) {
        return scan_fail(s, "%s", why);
    }
    return YOKE_OK;
}

/* Complains about the event at hand: no key of the section, or no section if that is NULL. */
static yoke_status scan_unknown(scan *s, const char *section)
{
    const char *what = section != NULL ? "key" : "section";
    if (s->event.type != YAML_SCALAR_EVENT) {
        return scan_fail(s, "the name of a %s must be a word, not %s", what, scan_event_noun(s));
    }
    char nearest[NEAREST_BYTES];
    nearest_name(section, scan_scalar(s), nearest);
    s->where[0] = '\0';
    return scan_fail(s, "%s%s%.*s: unknown %s; the nearest is %s", section != NULL ? section : "",
                     section != NULL ? "." : "",
                     value_shown_bytes(scan_scalar(s), s->event.data.scalar.length), scan_scalar(s),
                     what, nearest);
}

/* Checks one key and its value; the event at hand is the key. */
static yoke_status scan_key(scan *s, const char *section)
{
    size_t k = 0;
    while (k < POLICY_NUM_KEYS &&
           (s->event.type != YAML_SCALAR_EVENT || strcmp(policy_keys[k].section, section) != 0 ||
            !scan_scalar_is(s, policy_keys[k].name))) {
        k++;
    }
    if (k == POLICY_NUM_KEYS) {
        return scan_unknown(s, section);
    }
    scan_enter(s, section, policy_keys[k].name);
    if (s->lines[k] != 0) {
        return scan_fail(s, "given twice; first on line %zu", s->lines[k]);
    }
    s->lines[k] = scan_line(s);
    yoke_status status = scan_next(s);
    if (status == YOKE_OK) {
        status = scan_value(s, &policy_keys[k]);
    }
    scan_enter(s, section, NULL);
    return status;
}

/* Checks one section; the event at hand is its name. */
static yoke_status scan_section(scan *s)
{
    size_t i = 0;
    while (i < POLICY_NUM_SECTIONS &&
           (s->event.type != YAML_SCALAR_EVENT || !scan_scalar_is(s, policy_sections[i].name))) {
        i++;
    }
    if (i == POLICY_NUM_SECTIONS) {
        return scan_unknown(s, NULL);
    }
    scan_enter(s, policy_sections[i].name, NULL);
    if (s->section_lines[i] != 0) {
        return scan_fail(s, "given twice; first on line %zu", s->section_lines[i]);
    }
    s->section_lines[i] = scan_line(s);
    yoke_status status = scan_next(s);
    if (status == YOKE_OK && s->event.type != YAML_MAPPING_START_EVENT) {
        return scan_fail(s, "must be a mapping of keys to values, not %s", scan_event_noun(s));
    }
    while (status == YOKE_OK && (status = scan_next(s)) == YOKE_OK) {
        if (s->event.type == YAML_MAPPING_END_EVENT) {
            break;
        }
        status = scan_key(s, policy_sections[i].name);
    }
    s->where[0] = '\0';
    return status;
}

/* Checks the root of the document, which is the event at hand. */
static yoke_status scan_root(scan *s)
{
    if (s->event.type != YAML_MAPPING_START_EVENT) {
        return scan_fail(s, "must be a mapping of sections, not %s", scan_event_noun(s));
    }
    yoke_status status = YOKE_OK;
    while (status == YOKE_OK && (status = scan_next(s)) == YOKE_OK) {
        if (s->event.type == YAML_MAPPING_END_EVENT) {
            break;
        }
        status = scan_section(s);
    }
    return status;
}

static yoke_status scan_stream(scan *s)
{
    yoke_status status = scan_next(s); /* the stream's start */
    if (status == YOKE_OK) {
        status = scan_next(s);
    }
    if (status == YOKE_OK && s->event.type == YAML_STREAM_END_EVENT) {
        scan_say(s->report, 1, "nothing but blanks and comments; {} stands for all defaults");
        return YOKE_INVALID;
    }
    if (status == YOKE_OK) {
        status = scan_next(s);
    }
    if (status == YOKE_OK) {
        status = scan_root(s);
    }
    if (status == YOKE_OK) {
        status = scan_next(s); /* the document's end */
    }
    if (status == YOKE_OK) {
        status = scan_next(s);
    }
    if (status == YOKE_OK && s->event.type != YAML_STREAM_END_EVENT) {
        return scan_fail(s, "a second document; a policy is one");
    }
    return status;
}

yoke_status scan_policy(const char *text, size_t bytes, const scan_report *report,
                        size_t lines[POLICY_NUM_KEYS])
{
    scan s = {.text = text, .bytes = bytes, .report = report, .lines = lines};
    memset(lines, 0, POLICY_NUM_KEYS * sizeof(*lines));
    if (!yaml_parser_initialize(&s.parser)) {
        scan_say(report, 0, "out of memory");
        return YOKE_NO_MEMORY;
    }
    yaml_parser_set_encoding(&s.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&s.parser, (const unsigned char *)text, bytes);
    yoke_status status = scan_stream(&s);
    yaml_event_delete(&s.event);
    yaml_parser_delete(&s.parser);
    return status;
}
