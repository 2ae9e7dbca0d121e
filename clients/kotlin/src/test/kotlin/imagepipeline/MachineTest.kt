package imagepipeline

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.decodeFromJsonElement
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory

@Serializable
private class Vectors(
    val vectors: List<Vector>,
    val outcomes: List<OutcomeVector>,
    val now: Long,
    val holds: List<HoldVector>,
)

@Serializable
private data class OutcomeVector(val outcome: Outcome, val event: String)

@Serializable
private class HoldVector(
    val name: String,
    val outcome: Outcome,
    val until: Long? = null,
    val delayMs: Long? = null,
    val restarts: List<Restart>,
)

@Serializable
private data class Restart(val at: Long, val leftMs: Long)

@Serializable
private class Vector(val name: String, val repeat: Repeat? = null, val steps: List<Expected>)

@Serializable
private class Repeat(val times: Int, val steps: List<Expected>)

@Serializable
private class Expected(
    val input: JsonElement,
    val state: State? = null,
    val actions: List<Action>? = null,
    val attempts: Int? = null,
    val delayMs: List<Double>? = null,
    val ignored: Boolean = false,
) {
    fun toInput(): Input = (input as? JsonPrimitive)?.let { Event(it.content) } ?: json.decodeFromJsonElement<Outcome>(input)
}

/** Conformance of the interpreter: the vectors that the TypeScript client runs as well. */
class MachineTest {
    private val file: Vectors =
        json.decodeFromString(assertNotNull(javaClass.getResource("vectors.json")).readText())
    private val vectors = file.vectors

    @TestFactory
    fun `follows the shared vector`() = vectors.map { vector ->
        DynamicTest.dynamicTest(vector.name) {
            var position = Position()
            repeat(vector.repeat?.times ?: 0) {
                for (step in vector.repeat?.steps.orEmpty()) {
                    position = Machine.step(position, step.toInput())?.position ?: position
                }
            }
            for (step in vector.steps) {
                val low = Machine.step(position, step.toInput(), 0.0)
                val high = Machine.step(position, step.toInput(), 1.0)
                if (step.ignored) {
                    assertNull(low)
                    continue
                }
                assertNotNull(low)
                assertEquals(step.state, low.position.state)
                assertEquals(step.actions, low.actions)
                if (step.attempts != null) assertEquals(step.attempts, low.position.attempts)
                if (step.delayMs != null) assertEquals(step.delayMs, listOf(low.delayMs, high?.delayMs))
                position = low.position
            }
        }
    }

    @Test
    fun `the vectors pass through every state`() {
        val reached = vectors.flatMap { vector -> vector.steps.mapNotNull { it.state } }.toSet()
        assertEquals(emptyList(), State.entries - reached)
    }

    @TestFactory
    fun `turns the shared outcome into its event`() = file.outcomes.map { (outcome, event) ->
        DynamicTest.dynamicTest("$outcome") { assertEquals(event, Machine.eventOf(outcome)) }
    }

    @TestFactory
    fun `keeps a Retry-After over a restart`() = file.holds.map { vector ->
        DynamicTest.dynamicTest(vector.name) {
            val transition = assertNotNull(Machine.step(Position(State.CREATING), vector.outcome, 0.0))
            val hold = Machine.holdOf(vector.outcome, transition, file.now)
            assertEquals(vector.until to vector.delayMs, hold?.until to hold?.delayMs)
            for ((at, leftMs) in vector.restarts) assertEquals(leftMs, hold?.remainingMs(at) ?: 0)
        }
    }
}
