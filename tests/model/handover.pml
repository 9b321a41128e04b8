/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handover of version 4 (MIG-WIRE-041 to 043), for spin: two processes, a channel that may break
 * between any two steps and lose what is in it, either process dying at any step, and an operator who
 * cancels, looks, and acts as docs/migration.md says. Proven: never two run the guest; and as long
 * as a process with a whole copy lives, one does in the end.
 *
 * State names are those of query-migrate with an s_ before; tests/model/test-model.py compares them with the program's.
 */
mtype:message = { STATE, READY, ERROR_SHUT, GO, SHUT }
mtype:status = { s_active, s_device, s_handover, s_handover_lost, s_completed, s_failed, s_cancelling, s_cancelled }

chan to_dst = [2] of { mtype:message };
chan to_src = [2] of { mtype:message };

mtype:status src = s_active, dst = s_active;
bool src_alive = true, dst_alive = true;
bool src_runs = true, dst_runs = false;
bool dst_whole = false; /* it could run: everything is loaded, checked and installed */
bool cut = false;
bool cancel_asked = false, go_sent = false;
bool crash_took_it = false; /* the source died while it had the only whole copy */
bool quiet = false; /* nothing breaks any more: now the operator looks */

#define LOST(c)     (cut && empty(c))

inline send(c, m)
{
    if
    :: cut /* an error, or it vanishes */
    :: !cut -> c!m
    fi
}

/* Before GO, or told that the other side gave up: the guest goes on here. */
inline source_resumes(why)
{
    atomic {
        src = why;
        src_runs = true;
    }
}

active proctype Source()
{
    {
        /* rounds */
        if
        :: cancel_asked -> src = s_cancelling; cut = true; source_resumes(s_cancelled); goto end
        :: LOST(to_src) -> source_resumes(s_failed); goto end
        :: true
        fi;
        atomic { src = s_device; src_runs = false };
        send(to_dst, STATE);
        if
        :: to_src?READY
        :: to_src?ERROR_SHUT -> source_resumes(s_failed); goto end
        :: LOST(to_src) -> source_resumes(s_failed); goto end
        :: cancel_asked -> src = s_cancelling; cut = true; source_resumes(s_cancelled); goto end
        fi;
        if
        :: atomic { cancel_asked -> src = s_cancelling; cut = true }; source_resumes(s_cancelled); goto end
        :: atomic { !cancel_asked -> go_sent = true; src = s_handover } /* before its first byte */
        fi;
        send(to_dst, GO);
        if
        :: to_src?SHUT -> src = s_completed
        :: to_src?ERROR_SHUT -> source_resumes(s_failed)
        :: LOST(to_src) -> src = s_handover_lost
        fi;
end:    cut = true /* the channel is closed; what was sent still arrives */
    } unless { !src_alive };
}

active proctype Destination()
{
    {
        if
        :: to_dst?STATE
        :: LOST(to_dst) -> dst = s_failed; goto end
        fi;
        if
        :: dst_whole = true
        :: dst = s_failed; send(to_src, ERROR_SHUT); goto end /* it does not load */
        fi;
        send(to_src, READY);
        if
        :: to_dst?GO
        :: LOST(to_dst) -> dst = s_handover_lost; goto end
        fi;
        if
        :: atomic { dst_runs = true; dst = s_completed }; send(to_src, SHUT)
        :: dst = s_failed; send(to_src, ERROR_SHUT) /* no disk, no start; the copy is kept */
        fi;
end:    cut = true /* the channel is closed; what was sent still arrives */
    } unless { !dst_alive };
}

inline lose(c)
{
    do
    :: nempty(c) -> c?_
    :: true -> break
    od
}

active proctype World()
{
    do
    :: atomic { !cut -> cut = true; lose(to_dst); lose(to_src) }
    :: atomic {
            src_alive && dst_alive ->
            src_alive = false; src_runs = false; cut = true; crash_took_it = !dst_whole
        }
    :: atomic { src_alive && dst_alive -> dst_alive = false; dst_runs = false; cut = true }
    :: true -> break
    od;
    quiet = true
}

/* Has the side come to its end, or died? Only then there is something to look at. */
#define SRC_DONE (!src_alive || src == s_completed || src == s_failed || src == s_cancelled || \
                  src == s_handover_lost)
#define DST_DONE (!dst_alive || dst == s_completed || dst == s_failed || dst == s_handover_lost)

active proctype Operator()
{
    if
    :: atomic { !go_sent && src_alive -> cancel_asked = true } /* refused behind GO */
    :: true
    fi;
    quiet && SRC_DONE && DST_DONE;
    if
    :: atomic { src_alive && !src_runs && (!dst_alive || dst == s_failed) -> src_runs = true }
    :: atomic { dst_alive && !dst_runs && dst_whole && !src_alive -> dst_runs = true }
    /* Both wait: quit one, cont the other. */
    :: atomic { src_alive && dst_alive && src == s_handover_lost && dst == s_handover_lost ->
            if
            :: dst_alive = false; src_runs = true
            :: src_alive = false; dst_runs = true
            fi
        }
    :: else
    fi;
    assert(crash_took_it || src_runs || dst_runs)
}

/* Never two. */
active proctype Monitor()
{
end_watch:
    atomic { src_runs && dst_runs -> assert(false) }
}
