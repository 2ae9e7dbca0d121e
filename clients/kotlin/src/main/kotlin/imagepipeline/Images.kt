package imagepipeline

import imagepipeline.model.Batch
import imagepipeline.model.BatchOperation
import imagepipeline.model.BatchResults
import imagepipeline.model.ChangeList
import imagepipeline.model.Changes
import imagepipeline.model.CreatedImage
import imagepipeline.model.Event as AuditEntry
import imagepipeline.model.EventList
import imagepipeline.model.Image
import imagepipeline.model.ImageCount
import imagepipeline.model.ImageInput
import imagepipeline.model.ImageList
import imagepipeline.model.ImportSource
import imagepipeline.model.Original
import imagepipeline.model.Problem
import imagepipeline.model.SignedRequest
import imagepipeline.model.SigningRequest
import imagepipeline.model.SimilarList
import imagepipeline.model.Usage
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
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.encodeToJsonElement
import kotlinx.serialization.json.jsonObject
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

    /**
     * Creates an image whose file the pipeline gets from [url], and returns it as `pending`: [wait] for it. [headers] are
     * sent to the origin of the URL, such as `authorization` of a private source.
     */
    suspend fun importUrl(
        url: String,
        details: Details = Details(),
        headers: Map<String, String>? = null,
        idempotencyKey: String = UUID.randomUUID().toString(),
    ): CreatedImage = create(details.input.copy(from = ImportSource(url, headers)), idempotencyKey)

    /** Returns an image. */
    suspend fun get(id: String): Image = call("GET", "images/$id")

    /** Returns up to 100 images by id. Ids that do not exist are left out. */
    suspend fun many(ids: List<String>): List<Image> =
        if (ids.isEmpty()) emptyList() else call<ImageList>("GET", "images", query = ids.map { "id" to it }).items

    /**
     * Returns a page of images, newest first. [filters] are the parameters of the API, such as `"tag" to "sea"` and
     * `"status" to "trashed"`; the `nextCursor` of a page is the [cursor] of the next one.
     */
    suspend fun page(vararg filters: Pair<String, String>, limit: Int? = null, cursor: String? = null): ImageList =
        call("GET", "images", query = filters.toList() + given("limit" to limit, "cursor" to cursor))

    /** Counts images that match [filters]: exactly if they are few. */
    suspend fun count(vararg filters: Pair<String, String>): ImageCount =
        call("GET", "images/count", query = filters.toList())

    /**
     * Returns a page of the change feed: images that are new, changed or gone. Without [since] it begins with every image.
     * The `nextCursor` of a page is the [since] of the next one, which is complete once `more` is false; with [wait] the
     * request then lasts up to as many seconds (20) until there are changes. A change may come twice, with the same
     * `version`. [owner] is for API keys that have none. Throws [ErrorCode.CURSOR_EXPIRED] for a cursor of 30 days ago: begin again without one.
     */
    suspend fun changes(
        since: String? = null,
        limit: Int? = null,
        wait: Int? = null,
        owner: String? = null,
    ): ChangeList =
        call("GET", "changes", query = given("since" to since, "limit" to limit, "wait" to wait, "owner" to owner))

    /**
     * Returns what an owner used in a month such as `2026-11`, by days and in total: by default the owner of the token, and
     * this month. Kept for 13 months.
     */
    suspend fun usage(month: String? = null, owner: String? = null): Usage =
        call("GET", "usage", query = given("month" to month, "owner" to owner))

    /** Returns a presigned URL of the original file, valid for five minutes. */
    suspend fun original(id: String): Original = call("GET", "images/$id/original")

    /** Returns images that look like an image, the closest first: their hashes differ in at most [distance] bits (8). */
    suspend fun similar(id: String, distance: Int? = null, limit: Int? = null): SimilarList =
        call("GET", "images/$id/similar", query = given("distance" to distance, "limit" to limit))

    /** Returns the whole audit trail, oldest entry first, also of a deleted image. */
    suspend fun events(id: String): List<AuditEntry> {
        val events = mutableListOf<AuditEntry>()
        var cursor: String? = null
        do {
            val page: EventList = call("GET", "images/$id/events", query = given("cursor" to cursor))
            events += page.items
            cursor = page.nextCursor
        } while (cursor != null)
        return events
    }

    /**
     * Changes an image. Fields of [changes] that are null stay as they are; those that [clear] names, such as `expiresAt`,
     * are removed. After another focal point or visibility the image is `pending`: [wait] for it. Throws
     * [ErrorCode.VERSION_CONFLICT] if the image has another version than [version].
     */
    suspend fun update(
        id: String,
        changes: Changes = Changes(),
        clear: Set<String> = emptySet(),
        version: Int? = null,
    ): Image {
        val body = JsonObject(json.encodeToJsonElement(changes).jsonObject + clear.associateWith { JsonNull })
        val headers = if (version == null) emptyMap() else mapOf("If-Match" to "W/\"v$version\"")
        return call("PATCH", "images/$id", body = body.toString(), headers = headers)
    }

    /** Takes an image out of the trash. It is `pending` until its variants were made again: [wait] for it. */
    suspend fun restore(id: String): Image = call("POST", "images/$id/restore")

    /** Queues an image for processing again. */
    suspend fun reprocess(id: String): Image = call("POST", "images/$id/reprocess")

    /**
     * Carries out up to 100 operations in one request. Returns a result for each, in the same order, with the `image`, or
     * the `problem` of one that failed. Throws [ErrorCode.INVALID_REQUEST] without having changed anything.
     */
    suspend fun batch(
        operations: List<BatchOperation>,
        idempotencyKey: String = UUID.randomUUID().toString(),
    ): BatchResults = call(
        "POST",
        "images/batch",
        body = json.encodeToString(Batch(operations)),
        headers = mapOf("Idempotency-Key" to idempotencyKey),
    )

    /**
     * Puts an image into the trash, from which [restore] brings it back until `trash.until`. Where the stage has no trash, or
     * with [permanent], deletes it for good. Deleting a deleted image succeeds.
     */
    suspend fun delete(id: String, permanent: Boolean = false) {
        execute("DELETE", "images/$id", query = given("permanent" to true.takeIf { permanent }))
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

    /** Returns the parameters that have a value. */
    private fun given(vararg query: Pair<String, Any?>): List<Pair<String, String>> =
        query.mapNotNull { (name, value) -> value?.let { name to it.toString() } }

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
        val type = "application/json".toMediaType()
        // OkHttp sends no POST without a body.
        val sent: RequestBody? = body?.toRequestBody(type) ?: ByteArray(0).toRequestBody().takeIf { method == "POST" }
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
