/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The QMP schema as data: what scripts/gen-qmp makes from monitor/schema/NAME.qmp, and what is done
 * with it (find a command, check arguments, answer query-qmp-schema). All of it is const.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

#define QMP_ERROR (qmp_error_quark())
GQuark qmp_error_quark(void);
/* The error classes of the protocol. Any other GError domain is answered as GenericError. */
typedef enum {
    QMP_ERROR_GENERIC,
    QMP_ERROR_COMMAND_NOT_FOUND,
    QMP_ERROR_DEVICE_NOT_ACTIVE,
    QMP_ERROR_DEVICE_NOT_FOUND,
    QMP_ERROR_KVM_MISSING_CAP,
} QmpErrorClass;
const char *qmp_error_class_name(const GError *error);

typedef enum {
    QMP_META_BUILTIN,
    QMP_META_ENUM,
    QMP_META_ARRAY,
    QMP_META_OBJECT,
    QMP_META_ALTERNATE,
} QmpMeta;

typedef enum {
    QMP_JSON_STR,
    QMP_JSON_INT,
    QMP_JSON_NUMBER,
    QMP_JSON_BOOL,
    QMP_JSON_NULL,
    QMP_JSON_ANY,
} QmpJson;

/* A member of an object, a value of an enum (type unused), a branch of an alternate (name NULL). */
typedef struct {
    const char *name;
    uint16_t type;
    bool optional;
    const char *const *features; /* NULL-terminated, or NULL */
} QmpMember;

typedef struct {
    const char *value;
    uint16_t type; /* 0: no further members */
} QmpVariant;

typedef struct {
    const char *name;
    QmpMeta meta;
    QmpJson json;     /* builtin */
    uint16_t element; /* array */
    uint16_t n_members, n_variants;
    const QmpMember *members;
    const char *tag; /* union: the member that selects the variant */
    const QmpVariant *variants;
    const char *const *features;
} QmpType;

enum {
    QMP_TARGET_X86_64 = 1,
    QMP_TARGET_S390X = 2,
    QMP_TARGET_PPC64 = 4,
    QMP_TARGET_ALL = 7
};

typedef struct {
    const char *name;
    uint16_t arg, ret; /* types; 0 is the empty object */
    bool oob;          /* may be sent with exec-oob */
    bool open;         /* takes members that the schema does not list (device_add) */
    uint8_t targets;   /* which guests have it */
    const char *const *features;
} QmpCommand;

typedef struct {
    const char *name;
    uint16_t arg;
    uint16_t rate_ms;     /* at most one in this time; 0: every one is sent */
    const char *rate_key; /* the limit holds for each value of this member; NULL: for all */
    uint8_t targets;
    const char *const *features;
} QmpEvent;

typedef struct {
    const QmpType *types;
    size_t n_types;
    const QmpCommand *commands; /* sorted by name; handlers have the same order */
    size_t n_commands;
    const QmpEvent *events; /* sorted by name */
    size_t n_events;
} QmpSchema;

/* NULL when the schema or these targets do not have it. The index is that in schema->commands. */
const QmpCommand *qmp_schema_command(const QmpSchema *schema, const char *name, unsigned targets);
const QmpEvent *qmp_schema_event(const QmpSchema *schema, const char *name);

/* Check the arguments of a command (an object, or NULL for none) against its argument type. */
bool qmp_schema_check(const QmpSchema *schema, const QmpCommand *command, struct json_object *args,
                      GError **error);
/* Check any value against a type; what is how the value is called in messages. */
bool qmp_schema_check_value(const QmpSchema *schema, unsigned type, struct json_object *value,
                            const char *what, GError **error);

/* The answer of query-qmp-schema for these targets; the caller owns it. */
struct json_object *qmp_schema_introspect(const QmpSchema *schema, unsigned targets);
