package imagepipeline

import imagepipeline.model.CreatedImage
import imagepipeline.model.EventList
import imagepipeline.model.Image
import imagepipeline.model.ImageInput
import imagepipeline.model.ImageList
import imagepipeline.model.Problem
import imagepipeline.model.SignedRequest
import imagepipeline.model.SigningRequest
import java.util.UUID
import java.util.concurrent.TimeUnit
import kotlin.random.Random
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.ExperimentalTime
import kotlin.time.Instant
import kotlin.time.TimeSource
import kotlinx.coroutines.delay
import kotlinx.serialization.KSerializer
import kotlinx.serialization.SerializationException
import kotlinx.serialization.builtins.serializer
import kotlinx.serialization.json.Json
import kotlinx.serialization.modules.SerializersModule
import kotlinx.serialization.serializer
import okhttp3.HttpUrl
import okhttp3.HttpUrl.Companion.toHttpUrl
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody
import okhttp3.RequestBody.Companion.toRequestBody

/** JSON of the API: unknown fields are ignored, absent ones are omitted, times are [Instant]s. */
@OptIn(ExperimentalTime::class)
internal val json = Json {
    ignoreUnknownKeys = true
    explicitNulls = false
    serializersModule = SerializersModule { contextual(Instant::class, Instant.serializer()) }
}

/** A client for slow networks: S3 answers a PUT only when it has all bytes. */
private fun defaultHttp(): OkHttpClient =
    OkHttpClient.Builder().writeTimeout(30, TimeUnit.SECONDS).readTimeout(60, TimeUnit.SECONDS).build()

private val finalStatuses = setOf("ready", "rejected", "failed", "trashed")

/**
 * Client of the images API. [token] returns the API key or JWT of the signed-in user before each request; it may block,
 * because it is called on an I/O thread. Calls throw [ImagesException], and [kotlinx.coroutines.CancellationException]
 * when their coroutine is cancelled.
 */
class Images(
    baseUrl: String,
    internal val http: OkHttpClient = defaultHttp(),
    private val token: suspend () -> String? = { null },
) {
    private val base: HttpUrl = baseUrl.trimEnd('/').toHttpUrl()

    /**
     * Creates an image. The response has `upload`, the presigned request for its bytes, unless S3 has copied the bytes
     * of an earlier image with the same `sha256`. A repetition with the same [idempotencyKey] returns the same image.
     */
    suspend fun create(input: ImageInput, idempotencyKey: String = UUID.randomUUID().toString()): CreatedImage =
        call("POST", "images", body = json.encodeToString(input), headers = mapOf("Idempotency-Key" to idempotencyKey))

    /** Returns an image. */
    suspend fun get(id: String): Image = call("GET", "images/$id")

    /** Returns up to 100 images by id. Ids that do not exist are left out. */
    suspend fun many(ids: List<String>): List<Image> =
        call<ImageList>("GET", "images", query = ids.map { "id" to it }).items

    /** Puts an image into the trash, or deletes it where the stage has none. */
    suspend fun delete(id: String) {
        execute("DELETE", "images/$id")
    }

    /**
     * Polls an image until it is `ready`, `rejected`, `failed` or `trashed`, and returns it. Pauses as `Retry-After` says,
     * and continues after errors that pass. Throws [ErrorCode.TIMED_OUT] after [seconds].
     */
    suspend fun wait(id: String, seconds: Long = 120): Image {
        val start = TimeSource.Monotonic.markNow()
        while (true) {
            val pause = try {
                val answer = execute("GET", "images/$id")
                val image: Image = decode(answer)
                if (image.status in finalStatuses) return image
                answer.retryAfterSeconds
            } catch (error: ImagesException) {
                if (!error.isTransient) throw error
                error.retryAfterSeconds
            } ?: 1.0
            if (start.elapsedNow() + pause.seconds > seconds.seconds) {
                throw ImagesException(ErrorCode.TIMED_OUT, "The image $id is not final after $seconds seconds.")
            }
            // The jitter spreads clients that began to wait at the same moment.
            delay(pause.seconds + Random.nextLong(250).milliseconds)
        }
    }

    internal suspend fun sign(request: SigningRequest): SignedRequest =
        call("POST", "uploads/sign", body = json.encodeToString(request))

    internal suspend fun events(id: String): EventList = call("GET", "images/$id/events")

    private suspend inline fun <reified T> call(
        method: String,
        path: String,
        query: List<Pair<String, String>> = emptyList(),
        body: String? = null,
        headers: Map<String, String> = emptyMap(),
    ): T = decode(execute(method, path, query, body, headers))

    private inline fun <reified T> decode(answer: Answer): T = decode(answer, json.serializersModule.serializer())

    private fun <T> decode(answer: Answer, serializer: KSerializer<T>): T = try {
        json.decodeFromString(serializer, answer.text)
    } catch (cause: SerializationException) {
        val start = answer.text.take(40)
        val message = "The response is no object of the API: \"$start\". Is a captive portal in the way?"
        throw ImagesException(ErrorCode.UNEXPECTED_ANSWER, message, answer.status, cause)
    }

    private suspend fun execute(
        method: String,
        path: String,
        query: List<Pair<String, String>> = emptyList(),
        body: String? = null,
        headers: Map<String, String> = emptyMap(),
    ): Answer {
        val url = base.newBuilder().addPathSegments(path)
        for ((name, value) in query) url.addQueryParameter(name, value)
        val sent: RequestBody? = body?.toRequestBody("application/json".toMediaType())
        val request = Request.Builder().url(url.build()).method(method, sent).header("Accept", "application/json")
        token()?.let { request.header("Authorization", "Bearer $it") }
        for ((name, value) in headers) request.header(name, value)
        val answer = http.answer(request.build())
        if (answer.status in 200..299) return answer
        throw errorOf(answer)
    }

    private fun errorOf(answer: Answer): ImagesException {
        val problem = try {
            json.decodeFromString<Problem>(answer.text)
        } catch (_: SerializationException) {
            // Most likely the error page of a proxy.
            val message = "The API returned ${answer.status} without a problem document: ${answer.text.take(200)}"
            return ImagesException(
                ErrorCode.UNEXPECTED_ANSWER.text,
                message,
                answer.status,
                retryAfterSeconds = answer.retryAfterSeconds,
            )
        }
        return ImagesException(
            problem.code,
            problem.detail ?: problem.title,
            answer.status,
            problem.requestId,
            answer.retryAfterSeconds,
        )
    }
}

/** True if the same request can succeed later. */
private val ImagesException.isTransient: Boolean
    get() = code == ErrorCode.NETWORK_ERROR || code == ErrorCode.UNEXPECTED_ANSWER || status == 429 || (status ?: 0) >= 500
