package imagepipeline

import imagepipeline.model.ImageInput
import java.io.File
import java.io.IOException
import java.nio.channels.FileChannel
import java.nio.file.StandardOpenOption
import kotlinx.serialization.Serializable
import okio.FileSystem
import okio.Path.Companion.toOkioPath
import okio.buffer

/** Error of an upload as it is stored. */
@Serializable
data class Fault(val codeText: String, val message: String) {
    val code: ErrorCode get() = ErrorCode.of(codeText)
}

/**
 * Durable part of a queued upload, without presigned URLs. [generation] is part of the idempotency key, and grows when a
 * new image is needed. [order] sorts the queue.
 */
@Serializable
data class Entry(
    val id: String,
    val order: Long,
    val input: ImageInput,
    val state: State = State.QUEUED,
    val attempts: Int = 0,
    val refusals: Int = 0,
    val generation: Int = 0,
    val imageID: String? = null,
    /** Object key of the original. */
    val key: String? = null,
    /** Id of an open multipart upload. */
    val uploadID: String? = null,
    /** Delay that a `Retry-After` asked for, which a restart does not shorten. */
    val hold: Hold? = null,
    val error: Fault? = null,
) {
    internal val position: Position get() = Position(state, attempts, refusals)

    /** Returns the entry as JSON, for a text column of Room or SQLite. */
    fun toJson(): String = json.encodeToString(this)

    companion object {
        /** Reads an entry that [toJson] wrote. */
        fun of(text: String): Entry = json.decodeFromString(text)
    }
}

/** Storage of the queue. Every write is durable when the method returns. Methods may block: the queue calls them on an I/O thread. */
interface Store {
    /** Returns all entries, in any order. */
    fun entries(): List<Entry>

    /** Returns an entry, or null if it does not exist. */
    fun entry(id: String): Entry?

    /** Adds an entry. */
    fun add(entry: Entry)

    /** Replaces an entry. Writes nothing if the entry does not exist. */
    fun save(entry: Entry)

    /** Removes an entry, if it exists. */
    fun remove(id: String)
}

/** Store of one JSON file per entry in [folder], for one process at a time. A write replaces the file atomically. */
class FileStore(private val folder: File) : Store {
    init {
        folder.mkdirs()
    }

    override fun entries(): List<Entry> =
        folder.list().orEmpty().filter { it.endsWith(SUFFIX) }.mapNotNull { entry(it.removeSuffix(SUFFIX)) }

    override fun entry(id: String): Entry? = fileOf(id).takeIf { it.exists() }?.let { Entry.of(it.readText()) }

    override fun add(entry: Entry) {
        val part = File(folder, "${entry.id}.part").toOkioPath()
        FileSystem.SYSTEM.openReadWrite(part, mustCreate = false).use { handle ->
            handle.resize(0)
            handle.sink().buffer().use { it.writeUtf8(entry.toJson()) }
            // fsync: a rename that is durable before the bytes are would leave an empty file after a loss of power.
            handle.flush()
        }
        FileSystem.SYSTEM.atomicMove(part, fileOf(entry.id).toOkioPath())
        syncFolder()
    }

    override fun save(entry: Entry) {
        if (fileOf(entry.id).exists()) add(entry)
    }

    override fun remove(id: String) {
        fileOf(id).delete()
        syncFolder()
    }

    /** Makes renames and removals durable: fsync of the folder. Windows opens no folder; Android has `java.nio.file` from 8 on. */
    private fun syncFolder() {
        try {
            FileChannel.open(folder.toPath(), StandardOpenOption.READ).use { it.force(true) }
        } catch (_: IOException) {
        } catch (_: LinkageError) {
        }
    }

    private fun fileOf(id: String) = File(folder, id + SUFFIX)

    private companion object {
        const val SUFFIX = ".json"
    }
}
