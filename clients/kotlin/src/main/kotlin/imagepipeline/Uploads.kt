package imagepipeline

import imagepipeline.model.FocusInput
import imagepipeline.model.ImageInput
import imagepipeline.model.RegionInput
import java.io.File
import java.io.InputStream
import java.util.Collections
import java.util.UUID
import java.util.concurrent.ConcurrentHashMap
import kotlin.time.ExperimentalTime
import kotlin.time.Instant
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.supervisorScope
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import okio.FileSystem
import okio.HashingSource
import okio.Path.Companion.toOkioPath
import okio.buffer
import okio.source

/** Result of [Uploads.run], one to one with the results of WorkManager's `ListenableWorker`. */
sealed interface UploadResult {
    /** S3 has the bytes. [imageID] is null if the upload was cancelled or dismissed. */
    data class Success(val imageID: String?) : UploadResult

    /** The upload continues with another [Uploads.run]. One that comes before [delayMs] is harmless. */
    data class Retry(val delayMs: Long, val error: Fault?) : UploadResult

    /** The API or S3 refused the file, it vanished, or its image was deleted. [Uploads.retry] queues it again. */
    data class Failure(val error: Fault) : UploadResult
}

/**
 * Description of a new image. Coordinates of [focus] and [regions] are shares of the upright image, from 0 to 1. The image
 * is deleted at [expiresAt].
 */
@OptIn(ExperimentalTime::class)
data class Details(
    val title: String? = null,
    val alt: String? = null,
    val tags: List<String>? = null,
    val metadata: Map<String, String>? = null,
    val focus: FocusInput? = null,
    val regions: List<RegionInput>? = null,
    val visibility: ImageInput.Visibility? = null,
    val expiresAt: Instant? = null,
) {
    /** Input of an image without a file. */
    internal val input: ImageInput
        get() = ImageInput(
            title = title,
            alt = alt,
            tags = tags,
            metadata = metadata,
            focus = focus,
            regions = regions,
            visibility = visibility,
            expiresAt = expiresAt,
        )
}

/**
 * Queue of uploads that survive the death of the process. [add] stores a file on the device; [run] uploads it, then or
 * after any number of restarts, and the server has it exactly once. [folder] holds the files. One process at a time uses
 * a store and a folder.
 */
class Uploads(private val images: Images, private val store: Store, private val folder: File) {
    private val work = Work(images)
    private val running = ConcurrentHashMap<String, Deferred<UploadResult>>()
    private val adding = Collections.newSetFromMap(ConcurrentHashMap<String, Boolean>())
    private val writing = Mutex()

    /**
     * Copies a file to the device's storage and returns the local id of its upload. Closes [bytes]. Throws
     * [ErrorCode.STORE_FAILED], for example of a full disk; then nothing is queued.
     */
    suspend fun add(bytes: InputStream, filename: String, contentType: String, details: Details = Details()): String {
        val id = UUID.randomUUID().toString()
        adding += id
        try {
            stored { removeOrphans() }
            val (length, sha256) = stored { bytes.use { copy(it, fileOf(id)) } }
            val input = details.input.copy(
                filename = filename,
                contentType = contentType,
                bytes = length,
                sha256 = sha256,
            )
            stored { store.add(Entry(id, System.currentTimeMillis(), input)) }
        } finally {
            adding -= id
        }
        return id
    }

    /** Returns all uploads, oldest first. */
    suspend fun list(): List<Entry> = stored { store.entries() }.sortedBy { it.order }

    /**
     * Uploads a file as far as it gets now. Continues after a death of the process at any point, and returns at once
     * while a `Retry-After` is not over. Cancellation of the coroutine stops the transfer; another run continues it.
     */
    suspend fun run(id: String, onProgress: Progress = { _, _ -> }): UploadResult =
        exclusively(id, isFirst = false) { steps(id, onProgress) }

    /** Runs an upload until it succeeds or fails, with the pauses of the machine: for programs without WorkManager. */
    suspend fun finish(id: String, onProgress: Progress = { _, _ -> }): UploadResult {
        while (true) {
            val result = run(id, onProgress)
            if (result !is UploadResult.Retry) return result
            delay(result.delayMs)
        }
    }

    /** Queues a `failed` upload again. */
    suspend fun retry(id: String) = tell(id, "retry")

    /** Removes an `uploaded` or `failed` upload from the list. The image stays. */
    suspend fun dismiss(id: String) = tell(id, "dismiss")

    /**
     * Cancels an upload that is not complete, stops its transfer, and deletes its image for good. If the result is a
     * [UploadResult.Retry], the image is deleted by another [run].
     */
    suspend fun cancel(id: String): UploadResult = exclusively(id, isFirst = true) {
        tell(id, "cancel")
        steps(id) { _, _ -> }
    }

    /** Runs one `block` at a time for an upload. With [isFirst], it aborts the one that runs; otherwise it gives way. */
    private suspend fun exclusively(
        id: String,
        isFirst: Boolean,
        block: suspend () -> UploadResult,
    ): UploadResult = supervisorScope {
        val job = async(start = CoroutineStart.LAZY) { block() }
        while (true) {
            val other = running.putIfAbsent(id, job) ?: break
            if (!isFirst) {
                job.cancel()
                return@supervisorScope UploadResult.Retry(BUSY_MS, null)
            }
            other.cancelAndJoin()
            if (running.replace(id, other, job)) break
        }
        try {
            job.await()
        } catch (_: CancellationException) {
            // The caller was cancelled, or `cancel` aborted the transfer.
            ensureActive()
            UploadResult.Retry(0, null)
        } catch (error: ImagesException) {
            // The store failed. Nothing was lost, because the machine resumes from what is stored.
            UploadResult.Retry(BUSY_MS, faultOf(error))
        } finally {
            running.remove(id, job)
        }
    }

    private suspend fun steps(id: String, onProgress: Progress): UploadResult {
        var entry = stored { store.entry(id) } ?: return UploadResult.Success(null)
        val left = entry.hold?.remainingMs(System.currentTimeMillis()) ?: 0
        if (left > 0) return UploadResult.Retry(left, entry.error)
        entry = entry.copy(state = Machine.step(entry.position, Event("restart"))?.position?.state ?: entry.state)
        var delayMs = 0L
        suspend fun settle(step: Step) {
            val (next, waitMs) = apply(entry.copy(error = step.error?.let(::faultOf)), step.input)
            entry = next
            delayMs = waitMs
        }
        // `lapsed` leads from `creating` back to `queued`.
        while (entry.state == State.QUEUED) {
            settle(Step(Event("start")))
            val created = work.create(entry, fileOf(id))
            entry = created.entry
            settle(created)
            if (entry.state != State.SENDING || created.upload == null) continue
            val onBegun: suspend (String) -> Unit = { uploadID ->
                entry = entry.copy(uploadID = uploadID)
                stored { store.save(entry) }
            }
            settle(work.transfer(entry, fileOf(id), created.upload, onBegun, onProgress))
        }
        if (entry.state == State.CANCELLING) settle(work.remove(entry))
        // An earlier process may have died between the last write and this one.
        if (entry.state == State.UPLOADED) stored { fileOf(id).delete() }
        return when (entry.state) {
            State.UPLOADED -> UploadResult.Success(entry.imageID)
            State.CANCELLED, State.DISMISSED -> UploadResult.Success(null)
            State.FAILED -> UploadResult.Failure(entry.error ?: Fault(ErrorCode.UPLOAD_REFUSED.text, "Refused."))
            else -> UploadResult.Retry(delayMs, entry.error)
        }
    }

    private suspend fun tell(id: String, event: String) {
        val entry = stored { store.entry(id) } ?: return
        apply(entry, Event(event))
    }

    /** Feeds an input to the machine and stores the result. Returns the new entry, and the delay before the next run. */
    private suspend fun apply(entry: Entry, input: Input): Pair<Entry, Long> = writing.withLock {
        val transition = Machine.step(entry.position, input) ?: return entry to 0L
        val (position, _, actions, delayMs) = transition
        val isRenewed = Action.RENEW_KEY in actions
        val next = entry.copy(
            state = position.state,
            attempts = position.attempts,
            refusals = position.refusals,
            hold = Machine.holdOf(input, transition, System.currentTimeMillis()),
            generation = if (isRenewed) entry.generation + 1 else entry.generation,
            imageID = if (isRenewed) null else entry.imageID,
            key = if (isRenewed) null else entry.key,
            uploadID = if (isRenewed || Action.DROP_TICKET in actions) null else entry.uploadID,
            error = if (Action.RESET_ATTEMPTS in actions) null else entry.error,
        )
        stored {
            if (Action.FORGET in actions) store.remove(entry.id) else store.save(next)
            if (Action.FORGET in actions || Action.RELEASE_FILE in actions) fileOf(entry.id).delete()
        }
        next to (delayMs?.toLong() ?: 0)
    }

    private fun fileOf(id: String) = File(folder, id + SUFFIX)

    /** Removes files that a process copied in part before it died. */
    private fun removeOrphans() {
        folder.mkdirs()
        for (name in folder.list().orEmpty()) {
            val id = name.removeSuffix(SUFFIX)
            if (id != name && id !in adding && store.entry(id) == null) File(folder, name).delete()
        }
    }

    private companion object {
        const val SUFFIX = ".bytes"

        /** Pause before a run that found the store failing or the upload running. */
        const val BUSY_MS = 5000L

        fun faultOf(error: ImagesException) = Fault(error.codeText, error.message ?: error.codeText)

        /** Copies to durable storage and returns the length in bytes and the SHA-256 in hex. */
        fun copy(bytes: InputStream, file: File): Pair<Long, String> {
            val source = HashingSource.sha256(bytes.source())
            FileSystem.SYSTEM.openReadWrite(file.toOkioPath()).use { handle ->
                val length = handle.sink().buffer().use { it.writeAll(source) }
                handle.flush()
                return length to source.hash.hex()
            }
        }

        suspend fun <T> stored(block: () -> T): T = withContext(Dispatchers.IO) {
            try {
                block()
            } catch (cause: Exception) {
                val message = "The store of the upload queue failed: $cause"
                throw ImagesException(ErrorCode.STORE_FAILED, message, cause = cause)
            }
        }
    }
}
