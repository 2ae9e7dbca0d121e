package imagepipeline

import kotlin.math.max
import kotlin.math.min
import kotlin.random.Random
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/** State of a queued upload. [UPLOADED], [FAILED], [CANCELLED] and [DISMISSED] need no further work. */
@Serializable
enum class State {
    @SerialName("queued") QUEUED,
    @SerialName("creating") CREATING,
    @SerialName("sending") SENDING,
    @SerialName("waiting") WAITING,
    @SerialName("offline") OFFLINE,
    @SerialName("auth") AUTH,
    @SerialName("uploaded") UPLOADED,
    @SerialName("failed") FAILED,
    @SerialName("cancelling") CANCELLING,
    @SerialName("cancelled") CANCELLED,
    @SerialName("dismissed") DISMISSED,
}

/** Side effect that the queue performs after a transition. */
@Serializable
enum class Action {
    @SerialName("abort") ABORT,
    @SerialName("backoff") BACKOFF,
    @SerialName("create") CREATE,
    @SerialName("dropTicket") DROP_TICKET,
    @SerialName("forget") FORGET,
    @SerialName("releaseFile") RELEASE_FILE,
    @SerialName("remove") REMOVE,
    @SerialName("renewKey") RENEW_KEY,
    @SerialName("report") REPORT,
    @SerialName("resetAttempts") RESET_ATTEMPTS,
    @SerialName("send") SEND,
}

/** Input of the machine: an [Event] by name, or the [Outcome] of a request. */
sealed interface Input

/** Event by name. */
@JvmInline
value class Event(val name: String) : Input

/**
 * Result of one request, reduced to the fields by which `outcomes` of the table selects an event. [from] is `api`,
 * `s3`, `network` or `file`. [isJson] is false for a response of the API that is no object of the API, such as a captive
 * portal's HTML. [isForeign] is the same for S3.
 */
@Serializable
data class Outcome(
    val from: String,
    val status: Int? = null,
    val code: String? = null,
    val hasUpload: Boolean = false,
    val isJson: Boolean = true,
    val isForeign: Boolean = false,
    val retryAfterSeconds: Double? = null,
) : Input

/**
 * The part of an upload that the machine reads and writes. [attempts] counts failed attempts, [refusals] the successive
 * events among them that the table limits.
 */
data class Position(val state: State = State.QUEUED, val attempts: Int = 0, val refusals: Int = 0)

/** Transition: the new position, the actions in order, and the delay of [Action.BACKOFF] in milliseconds. */
data class Transition(val position: Position, val event: String, val actions: List<Action>, val delayMs: Double?)

/** Delay of a `Retry-After`, to be stored: [until] in milliseconds since 1970 by the device's clock. */
@Serializable
data class Hold(val until: Long, val delayMs: Long) {
    /**
     * Returns the milliseconds that are left after a restart. A clock that was put back cannot extend the delay beyond
     * [delayMs]; one that was put forward costs a request that the API refuses again.
     */
    fun remainingMs(now: Long): Long = (until - now).coerceIn(0, delayMs)
}

/** Interpreter of `machine.json`, the state machine that all clients share. Pure: it reads nothing but its resource. */
object Machine {
    @Serializable
    private class Table(
        val backoff: Backoff,
        val limits: Map<String, Int>,
        val outcomes: List<Rule>,
        val states: Map<State, Map<String, Target>>,
    )

    @Serializable
    private class Backoff(val baseMs: Double, val maxMs: Double, val retryAfterMaxMs: Double)

    @Serializable
    private class Target(val to: State, val actions: List<Action>)

    @Serializable
    private class Rule(
        val from: String,
        val event: String,
        val status: List<Int>? = null,
        val code: List<String>? = null,
        val hasUpload: Boolean? = null,
        val isJson: Boolean? = null,
        val isForeign: Boolean? = null,
    ) {
        fun matches(outcome: Outcome): Boolean =
            from == outcome.from &&
                (status == null || outcome.status in status) &&
                (code == null || outcome.code in code) &&
                (hasUpload == null || hasUpload == outcome.hasUpload) &&
                (isJson == null || isJson == outcome.isJson) &&
                (isForeign == null || isForeign == outcome.isForeign)
    }

    private val table: Table by lazy {
        val text = checkNotNull(Machine::class.java.getResource("/imagepipeline/machine.json")) { "The jar has no machine.json." }
        json.decodeFromString(text.readText())
    }

    /** Returns the event of an outcome: that of the first matching rule. */
    fun eventOf(outcome: Outcome): String = table.outcomes.find { it.matches(outcome) }?.event ?: "transient"

    /**
     * Returns the transition of an upload at [position] on [input], or null if the state ignores the event. [random] is
     * a number from 0 to 1 for the jitter: a delay is between half and all of the exponential backoff, and a longer
     * `Retry-After` replaces it.
     */
    fun step(position: Position, input: Input, random: Double = Random.nextDouble()): Transition? {
        val (state, attempts, refusals) = position
        val outcome = input as? Outcome
        val reported = if (input is Event) input.name else eventOf(input as Outcome)
        val limit = table.limits[reported]
        val event = if (limit != null && refusals + 1 >= limit) "refused" else reported
        val target = table.states.getValue(state)[event] ?: return null
        val isBackoff = Action.BACKOFF in target.actions
        val isFresh = target.to == State.UPLOADED || Action.RESET_ATTEMPTS in target.actions
        val next = Position(
            target.to,
            if (isFresh) 0 else if (isBackoff) attempts + 1 else attempts,
            if (isFresh) 0 else if (limit != null) refusals + 1 else if (isBackoff) 0 else refusals,
        )
        return Transition(next, event, target.actions, if (isBackoff) delayMs(attempts, outcome, random) else null)
    }

    /** Returns the delay to store after a transition: that of an outcome with `Retry-After`, at [now] in milliseconds. */
    fun holdOf(input: Input, transition: Transition, now: Long): Hold? {
        val isAsked = ((input as? Outcome)?.retryAfterSeconds ?: 0.0) > 0
        val delayMs = transition.delayMs?.toLong()?.takeIf { isAsked } ?: return null
        return Hold(now + delayMs, delayMs)
    }

    private fun delayMs(attempts: Int, outcome: Outcome?, random: Double): Double = with(table.backoff) {
        val pause = min(baseMs * Math.scalb(1.0, attempts), maxMs) * (0.5 + random / 2)
        max(pause, min((outcome?.retryAfterSeconds ?: 0.0) * 1000, retryAfterMaxMs))
    }
}
